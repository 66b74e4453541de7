import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manifest, type Place, published } from './published/agents.ts';
import { checks } from './published/checks.ts';
import { type Models, startModels } from './published/models.ts';
import { page } from './published/page.ts';
import { ready, statusOf } from './questions.ts';
import { stages } from './runtimes.ts';
import type { Session } from './support.ts';
import { begun, messagesTo } from './talking.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
/** Outside the checkout, so that they are fetched once. */
const cache = process.env.AGENTCTL_TEST_AGENTS ?? join(homedir(), '.cache/agentctl/agents');

/** The folder of its programs; undefined, and said, where this machine cannot have it. */
async function install(name: string): Promise<string | undefined> {
  try {
    return (
      await run('sh', [join(root, 'scripts/agents.sh'), 'install', name, join(cache, name)])
    ).stdout.trim();
  } catch (error) {
    // 69: there is none; 75: nobody knows.
    const passable = process.env.CI === 'true' ? [69] : [69, 75];
    if (!(error instanceof Error && 'code' in error && passable.includes(Number(error.code)))) throw error;
    console.warn(`${name} is not tried: ${error.message}`);
    return;
  }
}

const [stage] = await stages();
if (stage === undefined) throw new Error('there are always processes');

/** Whether the next check finds it as it was. */
const isAtRest = async (session: Session, name: string): Promise<boolean> =>
  (await statusOf(session, name))?.phase === 'Ready' &&
  (await messagesTo(session, name)).every(({ status }) => status?.endedAt !== undefined);

/** Which of them are tried here, as `1/2`. */
const [share = 1, shares = 1] = (process.env.AGENTCTL_TEST_SHARE ?? '')
  .split('/')
  .filter(Boolean)
  .map(Number);

for (const agent of published.filter((_, at) => at % shares === share - 1)) {
  const bin = await install(agent.name);
  describe.skipIf(bin === undefined)(`${agent.title}, as it is published,`, () => {
    let session: Session;
    let models: Models;
    const start = async (): Promise<void> => {
      const home = join(session.folder, 'home', agent.name);
      const place: Place = { url: models.url, home, bin: bin ?? '' };
      mkdirSync(home, { recursive: true });
      for (const [path, text] of Object.entries(agent.files?.(place) ?? {})) {
        mkdirSync(dirname(join(home, path)), { recursive: true });
        writeFileSync(join(home, path), text);
      }
      await session.apply(JSON.stringify(manifest(agent, place)));
      await ready(session, agent.name, 1, 120_000);
    };
    beforeAll(async () => {
      session = await stage.open();
      models = await startModels();
      const key = ['OPENAI_API_KEY', 'ANTHROPIC_API_KEY', 'GEMINI_API_KEY'].map(
        (name) => `--from-literal=${name}=none`,
      );
      await session.ok(`create secret generic ${agent.name} ${key.join(' ')}`);
      await begun(session, stage, { name: 'peer' });
      await start();
    }, 300_000);
    afterAll(async () => {
      await session.run(['delete', 'agents', '--all', '--purge', '--timeout=90s']);
      await session.end();
      models.end();
    });

    for (const { name, what, play } of checks) {
      const minus = agent.minus[name];
      test(`${name}: ${what}${minus === undefined ? '' : ` (not, ${minus.fault}'s fault)`}`, async () => {
        const failure = await play({ session, agent, name: agent.name, models }).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (failure !== undefined && !(await isAtRest(session, agent.name))) {
          await session.run(['delete', 'agent', agent.name, '--purge', '--timeout=60s']);
          await start();
        }
        if (minus === undefined && failure !== undefined) throw failure;
        if (failure !== undefined) console.info(`${agent.title} fails ${name}: ${failure}`);
        if (minus !== undefined) expect(failure, 'it does this now: take the minus away').toBeDefined();
      });
    }
  });
}

test.runIf(share === 1)('docs/coding-agents.md tells what was seen here', async () => {
  await expect(page()).toMatchFileSnapshot(join(root, 'docs/coding-agents.md'));
});
