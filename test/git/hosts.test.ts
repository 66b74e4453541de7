import { describe, expect, test } from 'vitest';
import { gitHosts } from './hosts.ts';
import { Repository } from './repository.ts';

for (const kind of gitHosts()) {
  describe(`a host by ${kind.name}`, () => {
    test('tells its URL, and a Secret that changes when it has expired', async () => {
      await using repository = await Repository.with({ a: 'one' });
      await using host = await kind.open(repository);
      expect(host.url).toMatch(new RegExp(`^${kind.name}://.*/repository\\.git$`));
      const before = await host.secret();
      await host.stop();
      await host.start();
      expect(await host.secret()).toEqual(before);
      await host.expire?.();
      if (host.expire !== undefined) expect(await host.secret()).not.toEqual(before);
    });
  });
}
