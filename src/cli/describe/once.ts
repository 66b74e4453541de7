import type { Client } from '../cli.ts';

/** The same client, which asks each list, and each object, once: many objects are described from the same ones. */
export function askingOnce(client: Client): Client {
  const answers = new Map<string, unknown>();
  return new Proxy(client, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (name !== 'list' && name !== 'get') return member.bind(target);
      return (...words: unknown[]) => {
        const question = JSON.stringify([name, ...words]);
        if (!answers.has(question)) answers.set(question, Reflect.apply(member, target, words));
        return answers.get(question);
      };
    },
  });
}
