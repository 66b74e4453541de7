import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { containerOf, ready } from './questions.ts';
import { agent, dockerStages, forever } from './runtimes.ts';
import { eventually, type Session } from './support.ts';

/** Nowhere but where the manifest asks for them may these be found. */
const [mounted, inEnv, inFile] = ['zq-mounted-7f3a', 'zq-env-91bc', 'zq-file-c04d'] as const;

for (const stage of await dockerStages()) {
  describe('values of Secrets', () => {
    const { engine } = stage;
    let session: Session;
    let controller: ReturnType<Session['begin']>;
    beforeAll(async () => {
      session = await stage.open();
      controller = session.begin(['serve', '--log-level=debug']);
      await eventually(
        () => session.run(['get', 'agents']),
        ({ code }) => code === 0,
      );
      await session.ok(
        `create secret generic keys --from-literal=mounted=${mounted} --from-literal=env=${inEnv} --from-literal=file=${inFile}`,
      );
      await session.apply(
        agent(stage, {
          name: 'mounted',
          run: `test -s /keys/mounted || exit 1; ${forever}`,
          template: `    volumes: [{ name: keys, secret: { secretName: keys } }]
    volumeMounts: [{ name: keys, mountPath: /keys }]`,
        }),
      );
      await session.apply(
        agent(stage, {
          name: 'env',
          run: `test -n "$KEY" || exit 1; ${forever}`,
          template: '    env: [{ name: KEY, valueFrom: { secretKeyRef: { name: keys, key: env } } }]',
        }),
      );
      await ready(session, 'mounted');
      await ready(session, 'env');
      // A failing start, a restart and a change: what is told of them must not tell the value.
      await session.ok('patch secret keys -p {"stringData":{"other":"zq-other-55aa"}}');
      await session.ok('rollout restart agent/mounted agent/env');
      await ready(session, 'mounted', 2);
      await ready(session, 'env', 2);
    });
    afterAll(async () => {
      await session.end();
      await controller.end();
    });

    const inspected = async (agent: string): Promise<string> =>
      (await engine.call('GET', `/containers/${containerOf(agent)}/json`)).text;

    test('one that is mounted is not in what the engine shows, one in the environment only there', async () => {
      expect(await inspected('mounted')).not.toContain('zq-');
      const seen = JSON.parse(await inspected('env')) as { Config: { Env: string[] } }; // the engine's API says so
      expect(seen.Config.Env).toContain(`KEY=${inEnv}`);
      seen.Config.Env = [];
      expect(JSON.stringify(seen)).not.toContain('zq-');
    });

    test('none is in Events, Revisions, statuses, or what describe says', async () => {
      for (const line of [
        'get events,revisions,instances,agents -o yaml',
        'describe agent mounted',
        'describe agent env',
        'describe secret keys',
        'events',
        'plan agent mounted',
      ]) {
        const { stdout, stderr } = await session.run(line.split(' '));
        const text = stdout + stderr;
        for (const value of [mounted, inEnv, inFile]) {
          expect(text, line).not.toContain(value);
          expect(text, line).not.toContain(Buffer.from(value).toString('base64'));
        }
      }
    });

    test('none is in the files of the state folder but the store, nor in the log at level debug', async () => {
      expect(controller.output()).toContain('"level":20');
      expect(controller.output()).not.toContain('zq-');
      for (const path of filesUnder(session.state)) {
        const text = readFileSync(path).toString('latin1');
        // The store holds the Secrets themselves, in a file of mode 0600.
        if (/agentctl\.db(-wal)?$/.test(path)) {
          expect(statSync(path).mode & 0o077, path).toBe(0);
          continue;
        }
        for (const value of [mounted, inEnv, inFile]) {
          expect(text, path).not.toContain(value);
          expect(text, path).not.toContain(Buffer.from(value).toString('base64'));
        }
      }
    });

    test('the container reads the mounted value, from memory', async () => {
      const pid = (JSON.parse(await inspected('mounted')) as { State: { Pid: number } }).State.Pid; // as above
      const root = `/proc/${pid}/root`;
      expect(readFileSync(join(root, 'keys/mounted'), 'utf8')).toBe(mounted);
      expect(readFileSync(`/proc/${pid}/mounts`, 'utf8')).toMatch(/^tmpfs \/keys tmpfs/m);
    });
  });
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}
