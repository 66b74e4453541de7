/** Where the planner's actions are carried out: in memory, or by real processes and containers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Capabilities } from '../../src/api/capabilities.ts';
import type { AgentSpec } from '../../src/api/objects.ts';
import { createDockerDriver } from '../../src/drivers/docker.ts';
import type { Driver } from '../../src/drivers/driver.ts';
import { createProcessDriver } from '../../src/drivers/process.ts';
import { type Clock, sleep, systemClock } from '../../src/platform/clock.ts';
import { silentLog as log } from '../../src/platform/log.ts';
import { collector } from '../collector.ts';
import { podCapabilities } from '../contracts/driver/traits.ts';
import { pause } from '../drivers/process/harness.ts';
import type { TestEngine } from '../engines/engine.ts';
import { testImage } from '../engines/image.ts';
import { ManualClock } from '../fakes/clock.ts';
import { createFakeDriver } from '../fakes/driver.ts';
import { FakeEngine, fakeCommand } from '../fakes/engine.ts';

/** Time that stands still while a plan is carried out, and goes on when it is asked to. */
interface Timeline extends Clock {
  to(instant: number): Promise<void>;
}

export interface Ground {
  sort: 'docker' | 'process';
  /** Of its driver, if they are not those of its sort. */
  capabilities?: Capabilities;
  time: Timeline;
  /** What an agent needs to run here until it is told to end; its exit code is then 143. */
  template: Pick<AgentSpec['template'], 'image' | 'imagePullPolicy' | 'command'>;
  /** The driver of a controller that has just come up. */
  driver(store: string): Driver;
  /** The program ends by itself. */
  end(driver: Driver, ref: string, code: 0 | 3): Promise<void>;
  pause(ref: string): Promise<void>;
  close(): void;
}

/** An engine that starts nothing again, so that each restart is a replacement. */
export const podGround = (): Ground => fakeGround(podCapabilities);

export function fakeGround(capabilities?: Capabilities): Ground {
  const clock = new ManualClock('2026-03-02T10:00:00Z');
  const engine = new FakeEngine({ clock });
  return {
    sort: 'docker',
    ...(capabilities && { capabilities }),
    time: Object.assign(clock, {
      to: async (instant: number) => clock.advance(Math.max(0, instant - clock.now())),
    }),
    template: {
      image: 'test-image:1',
      imagePullPolicy: 'Never',
      command: fakeCommand({ onTerm: 143 }),
    },
    driver: (store) => createFakeDriver(engine, store, capabilities),
    end: async (_, ref, code) => engine.end(ref, { code }),
    pause: async (ref) => engine.pause(ref),
    close: () => {},
  };
}

const program = [
  `trap 'exit 143' TERM`,
  `trap 'exit 0' USR1`,
  `trap 'exit 3' USR2`,
  'while :; do sleep 1 & wait $!; done',
].join('\n');

/** The clock of this host; it moves only between plans. */
function hostTime(): Timeline {
  let now = systemClock.now();
  return {
    now: () => now,
    after: systemClock.after,
    async to(instant) {
      await sleep(systemClock, instant - systemClock.now());
      now = Math.max(now, systemClock.now());
    },
  };
}

/** Asks again, since a shell that has just begun does not listen yet. */
async function end(driver: Driver, ref: string, code: 0 | 3): Promise<void> {
  while ((await driver.inspect(ref))?.state === 'Running') {
    await driver.signal(ref, code === 0 ? 'SIGUSR1' : 'SIGUSR2');
    await sleep(systemClock, 20);
  }
}

export function processGround(): Ground {
  const stateDir = mkdtempSync(join(tmpdir(), 'agentctl-process-'));
  return {
    sort: 'process',
    time: hostTime(),
    template: { command: ['sh', '-c', program] },
    driver: (storeId) => createProcessDriver({ stateDir, storeId, collector, clock: systemClock, log }),
    end,
    pause,
    close: () => rmSync(stateDir, { recursive: true, force: true }),
  };
}

export function dockerGround(engine: TestEngine): Ground {
  const { endpoint } = engine;
  const secretsDir = mkdtempSync('/dev/shm/agentctl-test-');
  return {
    sort: 'docker',
    time: hostTime(),
    template: { image: testImage, imagePullPolicy: 'Never', command: ['sh', '-c', program] },
    driver: (storeId) => createDockerDriver({ endpoint, storeId, secretsDir, clock: systemClock, log }),
    end,
    async pause(ref) {
      const { status, text } = await engine.call('POST', `/containers/${ref}/pause`);
      if (status !== 204) throw new Error(`not paused: ${status} ${text}`);
    },
    close: () => rmSync(secretsDir, { recursive: true, force: true }),
  };
}
