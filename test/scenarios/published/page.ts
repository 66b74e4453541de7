import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { published } from './agents.ts';
import { checks } from './checks.ts';

const script = join(import.meta.dirname, '../../../scripts/agents.sh');
const versionOf = (name: string): string =>
  execFileSync('sh', [script, 'version', name], { encoding: 'utf8' }).trim();

/** docs/coding-agents.md: which checks each agent passes, by its description. The scenarios test that each is true. */
export function page(): string {
  const names = checks.map(({ name }) => name);
  const rows = published.map(({ name, title, wire, minus }) => {
    const cells = names.map((check) => (minus[check] === undefined ? '+' : '-'));
    return `| ${[title, versionOf(name), wire, ...cells].join(' | ')} |`;
  });
  const reasons = published.flatMap(({ title, minus }) =>
    checks.flatMap(({ name }) => {
      const { fault, why } = minus[name] ?? {};
      return fault === undefined ? [] : [`| ${title} | ${name} | ${fault} | ${why} |`];
    }),
  );
  return `${introduction}
| agent | version | model API | ${names.join(' | ')} |
|${' --- |'.repeat(names.length + 3)}
${rows.join('\n')}

## Checks

| check | what passes |
| --- | --- |
${checks.map(({ name, what }) => `| ${name} | ${what} |`).join('\n')}

## Failures

| agent | check | fault | why |
| --- | --- | --- | --- |
${reasons.join('\n')}
`;
}

const introduction = `<!-- Written by \`vitest -u --project 'published*'\`. Do not edit. -->
# Published agents

Published coding agents that speak the Agent Client Protocol. Every version of agentctl is tested with all of them. Each
agent runs from the manifest that \`agentctl init\` writes, or from a plain one, with a scripted model on this machine instead
of its vendor's. A plus is a check that passes; a minus is explained below.
`;
