import { posix } from 'node:path';
import { listed } from '../../api/text.ts';
import type { Unsupported } from '../driver.ts';
import { isUnder } from './container-files.ts';

/** The driver resolves symbolic links at the start. */
export const unsupportedByDocker: Unsupported = ({ template }, { allowHostPaths }) => {
  const reasons: string[] = [];
  const refuse = (field: string, why: string): void => void reasons.push(`spec.template.${field}: ${why}`);
  const relative = (path: string | undefined): boolean => path !== undefined && !path.startsWith('/');

  if (template.image === undefined)
    refuse('image', 'a container requires an image. To run without one, use the Runtime process');
  for (const [index, { path }] of (template.files ?? []).entries()) {
    if (relative(path) || path.endsWith('/'))
      refuse(`files[${index}].path`, 'must be the absolute path of a file');
  }
  if (relative(template.workingDir)) refuse('workingDir', 'must be an absolute path');
  for (const [index, { hostPath }] of (template.volumes ?? []).entries()) {
    if (hostPath === undefined) continue;
    const path = posix.normalize(hostPath.path);
    if (!allowHostPaths.some((root) => isUnder(path, posix.normalize(root))))
      refuse(
        `volumes[${index}].hostPath.path`,
        `${path} is not under the Runtime's allowHostPaths (${listed(allowHostPaths) || 'none'}); add it, or a folder above it, there`,
      );
  }
  const { mode, name, ports = [] } = template.network ?? {};
  if (name !== undefined && mode !== undefined && mode !== 'Bridge')
    refuse('network.name', `requires mode Bridge, found ${mode}`);
  if (ports.length > 0 && mode !== undefined && mode !== 'Bridge')
    refuse('network.ports', `require mode Bridge, found ${mode}`);
  return reasons;
};
