import { describe, expect, test } from 'vitest';
import { startError } from '../../../src/drivers/docker/docker-errors.ts';
import { EngineError } from '../../../src/drivers/docker/engine.ts';
import { DriverError } from '../../../src/drivers/driver.ts';

const subject = { name: 'agentctl-default-a-0', image: 'app:1', command: '/app', network: 'lan' };

describe('what a refusal of the engine means', () => {
  // Words of Docker 20.10 and of Podman 4.3.
  test.each([
    [400, 'invalid mount config for type "bind": bind source path does not exist: /x', 'MountMissing'],
    [500, 'statfs /x: no such file or directory', 'MountMissing'],
    [
      400,
      'OCI runtime create failed: unable to start container process: exec: "/app": stat /app: no such file or directory: unknown',
      'CommandNotFound',
    ],
    [500, 'exec: "app": executable file not found in $PATH: unknown', 'CommandNotFound'],
    [400, 'unable to start container process: exec: "/app": permission denied: unknown', 'CommandNotFound'],
    [
      500,
      'runc: runc create failed: unable to start container process: exec: "/app": stat /app: no such file or directory: OCI runtime attempted to invoke a command that was not found',
      'CommandNotFound',
    ],
    [
      500,
      'driver failed programming external connectivity on endpoint x: Bind for 127.0.0.1:80 failed: port is already allocated',
      'PortTaken',
    ],
    [500, 'rootlessport listen tcp 127.0.0.1:80: bind: address already in use', 'PortTaken'],
    [400, 'network lan is ambiguous (2 matches found on name)', 'NetworkAmbiguous'],
    [400, '2 matches found based on name: network lan is ambiguous', 'NetworkAmbiguous'],
    [404, 'network lan not found', 'NetworkMissing'],
    [500, 'unable to find network with name or ID lan: network not found', 'NetworkMissing'],
    [500, 'mkdir /var/lib/docker/overlay2/x: no space left on device', 'DiskFull'],
    [400, 'unable to find user bob: no matching entries in passwd file', 'InvalidSpec'],
    [400, 'No command specified', 'InvalidSpec'],
    [400, 'invalid CapAdd: unknown capability: "CAP_FOO"', 'InvalidSpec'],
    [500, 'something that nobody has seen before', 'StartFailed'],
  ])('%i %s: %s', (status, message, reason) => {
    const error = startError(new EngineError(status, message), subject);
    expect(error).toBeInstanceOf(DriverError);
    expect(error).toMatchObject({ code: reason, message: expect.stringContaining(message) });
  });

  test('names the remedy', () => {
    const error = startError(new EngineError(404, 'network lan not found'), subject);
    expect(error).toMatchObject({
      kind: 'NotStartable',
      message: 'create it with: docker network create lan (network lan not found)',
    });
  });

  test('other errors pass through', () => {
    const error = new Error('other');
    expect(startError(error, subject)).toBe(error);
  });
});
