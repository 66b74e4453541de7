import type { AgentSpec } from '../../api/objects.ts';
import type { ControlName, ControlView, TalkView } from '../../plan/world.ts';
import type { Link } from './link.ts';

/** Whether the agent takes what the spec asks for: only what the spec uses is told. */
export function controlsOf(
  { facts, protocol, tools, account }: Link,
  spec: AgentSpec,
  permissions: ControlView | undefined,
): TalkView['controls'] {
  const out: Partial<Record<ControlName, ControlView>> = {};
  if (spec.permissions !== undefined)
    out.PermissionsEnforced =
      permissions ??
      (protocol.asksPermission
        ? {
            status: 'Unknown',
            reason: 'NotSeenYet',
            message: 'It has not used a tool that must be asked about yet.',
          }
        : {
            status: 'False',
            reason: 'ProtocolDoesNotAsk',
            message: `Agents of the protocol ${protocol.name} use tools without asking.`,
          });
  if (facts === undefined) return out;
  Object.assign(out, account);
  const { model, systemPrompt, mcp } = facts.controls;
  if (spec.model !== undefined) out.ModelApplied = model;
  if (spec.systemPrompt !== undefined) out.SystemPromptApplied = systemPrompt;
  if (tools !== undefined)
    out.FleetAccessible =
      'unavailable' in tools ? { status: 'False', reason: 'NoAddress', message: tools.unavailable } : mcp;
  return out;
}
