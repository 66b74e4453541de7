import { sourceContract } from '../contracts/source.ts';
import { Repository } from '../git/repository.ts';
import { GitWorld } from './git/world.ts';

sourceContract('a Git repository', async () => {
  const repository = await Repository.with({ 'README.md': 'Manifests' });
  const world = await GitWorld.begin();
  return {
    put: async (files) => void (await repository.publish(files)),
    open: (options) => world.source({ url: repository.url, ...options }),
    async [Symbol.asyncDispose]() {
      await repository[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
});
