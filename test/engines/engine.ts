import { request } from 'node:http';
import { test } from 'vitest';

export interface TestEngine {
  endpoint: string;
  /** A call of its API, past the driver that is tested. */
  call: (method: string, path: string, body?: object | Buffer) => Promise<{ status: number; text: string }>;
}

const candidates = {
  docker: [process.env.AGENTCTL_TEST_DOCKER, '/var/run/docker.sock'],
  podman: [process.env.AGENTCTL_TEST_PODMAN, '/run/podman/podman.sock'],
};

const howTo = (name: keyof typeof candidates): string =>
  `no ${name} engine answers: start one with scripts/engines.sh up ${name} DIR and set AGENTCTL_TEST_${name.toUpperCase()} to its socket`;

/** The engine that tests may use. Undefined where there is none; with CI=true that fails the file instead. */
export async function findEngine(name: keyof typeof candidates): Promise<TestEngine | undefined> {
  for (const candidate of candidates[name]) {
    const socket = candidate?.replace(/^unix:\/\//, '');
    if (socket === undefined || socket === '') continue;
    const engine = engineAt(socket);
    const answer = await engine.call('GET', '/_ping').catch(() => undefined);
    if (answer?.status === 200) return engine;
  }
  return undefined;
}

/** Runs the tests where the engine is there; else one test says what is missing, skipped or, with CI=true, failing. */
export async function withEngine(
  name: keyof typeof candidates,
  tests: (engine: TestEngine) => void,
): Promise<void> {
  const engine = await findEngine(name);
  if (engine !== undefined) return tests(engine);
  test.skipIf(process.env.CI !== 'true')(howTo(name), () => {
    throw new Error(howTo(name));
  });
}

export function engineAt(socketPath: string): TestEngine {
  return {
    endpoint: `unix://${socketPath}`,
    call: (method, path, body) =>
      new Promise((resolve, reject) => {
        const isTar = Buffer.isBuffer(body);
        const outgoing = request(
          {
            socketPath,
            method,
            path,
            headers: { Host: 'engine', 'Content-Type': isTar ? 'application/x-tar' : 'application/json' },
          },
          (response) => {
            let text = '';
            response.on('data', (chunk: Buffer) => {
              text += chunk.toString();
            });
            response.on('error', reject);
            response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
          },
        );
        outgoing.on('error', reject);
        outgoing.end(body === undefined || isTar ? body : JSON.stringify(body));
      }),
  };
}
