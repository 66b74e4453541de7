import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { testImage } from '../../engines/image.ts';
import { type ByHand, byHand } from './byhand.ts';

const run = promisify(execFile);
const project = 'agentctl-bench';
const labels = { 'com.docker.compose.project': project };
const ours = `filters=${encodeURIComponent(JSON.stringify({ label: [`com.docker.compose.project=${project}`] }))}`;
const command = ['sleep', '1000'];

/** What `docker compose` does with a file of so many services of the test image, with an init and, as ours, on the engine's bridge. */
export interface Composer {
  name: string;
  up(count: number): Promise<void>;
  /** `up` of the same file again, as a whole process. */
  again(count: number): Promise<void>;
  /** As a whole process. */
  list(count: number): Promise<void>;
  down(count: number): Promise<void>;
}

/** The program where it is at hand, else the calls that it makes. */
export async function openComposer(endpoint: string, folder: string): Promise<Composer> {
  const env = { ...process.env, DOCKER_HOST: endpoint };
  const found = await run('docker', ['compose', 'version', '--short'], { env }).catch(() => undefined);
  return found === undefined
    ? byApi(byHand(endpoint.replace('unix://', '')), endpoint)
    : byProgram(found.stdout.trim(), folder, env);
}

function byProgram(version: string, folder: string, env: NodeJS.ProcessEnv): Composer {
  const compose = async (count: number, ...args: string[]): Promise<void> => {
    const service = { image: testImage, command, init: true, network_mode: 'bridge' };
    const services = Array.from({ length: count }, (_, n) => [`bench-${n}`, service]);
    const file = join(folder, `compose-${count}.json`);
    writeFileSync(file, JSON.stringify({ services: Object.fromEntries(services) }));
    await run('docker', ['compose', '-p', project, '-f', file, ...args], { env });
  };
  return {
    name: `docker compose ${version}`,
    up: (count) => compose(count, 'up', '--detach'),
    again: (count) => compose(count, 'up', '--detach'),
    list: (count) => compose(count, 'ps'),
    down: (count) => compose(count, 'down'),
  };
}

/** As Compose 2.40 calls the engine: each step for all services at once. */
function byApi({ call }: ByHand, endpoint: string): Composer {
  const list = async (): Promise<{ Id: string }[]> =>
    JSON.parse(await call('GET', `/containers/json?all=1&${ours}`)); // the engine's API says so
  const each = (ids: readonly string[], work: (id: string) => Promise<unknown>) => Promise.all(ids.map(work));
  // What finds nothing to do lists the containers by their label, looks at the image, and lists once more for the start.
  const paths = [
    `/containers/json?all=1&${ours}`,
    `/images/${testImage}/json`,
    `/containers/json?all=1&${ours}`,
  ];
  const asking = (asked: readonly string[]): Promise<unknown> =>
    run(process.execPath, [
      '-e',
      `
      const { get } = require('node:http');
      const ask = ([path, ...rest]) => path && get({ socketPath: ${JSON.stringify(endpoint.replace('unix://', ''))}, path, headers: { Host: 'engine' } }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => { text += chunk; }).on('end', () => { JSON.parse(text); ask(rest); });
      });
      ask(${JSON.stringify(asked)});`,
    ]);
  return {
    name: "compose's calls",
    async up(count) {
      await list();
      await call('GET', `/images/${testImage}/json`);
      const ids: string[] = [];
      await each(
        Array.from({ length: count }, (_, n) => `${project}-${n}`),
        async (name) => {
          const made = await call('POST', `/containers/create?name=${name}`, {
            Image: testImage,
            Cmd: command,
            Labels: labels,
            HostConfig: { Init: true, NetworkMode: 'bridge' },
          });
          const { Id: id } = JSON.parse(made) as { Id: string }; // the engine's API says so
          await call('GET', `/containers/${id}/json`);
          ids.push(id);
        },
      );
      await list();
      await each(ids, (id) => call('POST', `/containers/${id}/start`));
    },
    again: async () => void (await asking(paths)),
    list: async () => void (await asking(paths.slice(0, 1))),
    async down() {
      const all = await list();
      await each(
        all.map(({ Id }) => Id),
        async (id) => {
          await call('POST', `/containers/${id}/stop`);
          await call('DELETE', `/containers/${id}?force=1`);
        },
      );
    },
  };
}
