import { describe } from 'vitest';
import { resourcesContract } from '../contracts/resources.ts';
import { run } from '../server/support.ts';

describe('the HTTP client with the real server', () => {
  resourcesContract(async () => {
    const { client, controller, end } = await run();
    return { resources: client, controller, close: end };
  });
});
