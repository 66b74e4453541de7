import type { AgentSpec, RuntimeSpec } from '../api/objects.ts';
import type { Unsupported } from './driver.ts';
import { unsupportedByProcess } from './process.ts';
const checks: Record<RuntimeSpec['driver'], Unsupported> = { process: unsupportedByProcess, docker: () => [] };
export const unsupported = (driver: RuntimeSpec['driver'], spec: AgentSpec, runtime: { allowHostPaths: readonly string[] }): string[] => checks[driver](spec, runtime);
