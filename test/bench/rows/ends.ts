import { get, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { repeated } from '../measure.ts';
import { byHand, label } from './byhand.ts';

/** From SIGKILL to a container until its engine has told of the end, by an event, and answered a look at it. */
export async function endsByHand(socketPath: string, rounds: number): Promise<number[]> {
  const loop = byHand(socketPath);
  const filters = (filter: object): string => `filters=${encodeURIComponent(JSON.stringify(filter))}`;
  const path = `/events?${filters({ event: ['die'], label: [label] })}`;
  let died = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<IncomingMessage>();
  const outgoing = get({ socketPath, path, headers: { Host: 'engine' } }, opened.resolve);
  outgoing.on('error', opened.reject);
  try {
    (await opened.promise).on('data', () => died.resolve()).on('error', () => {});
    await loop.start(1, 1);
    const found = await loop.call('GET', `/containers/json?${filters({ label: [label] })}`);
    const [container] = JSON.parse(found) as { Id: string }[]; // the engine's API says so
    const at = `/containers/${container?.Id}`;
    return await repeated(rounds, async () => {
      died = Promise.withResolvers();
      const begun = performance.now();
      await Promise.all([
        loop.call('POST', `${at}/kill`),
        died.promise.then(() => loop.call('GET', `${at}/json`)),
      ]);
      const took = performance.now() - begun;
      await loop.call('POST', `${at}/start`);
      await pause(100);
      return took;
    });
  } finally {
    outgoing.destroy();
    await loop.remove();
  }
}
