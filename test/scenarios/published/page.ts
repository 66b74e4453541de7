import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { published } from './agents.ts';
import { checks } from './checks.ts';

const script = join(import.meta.dirname, '../../../scripts/agents.sh');
const versionOf = (name: string): string =>
  execFileSync('sh', [script, 'version', name], { encoding: 'utf8' }).trim();

/** docs/coding-agents.md: what each agent does and does not, as the descriptions say; the scenarios hold each of them to its own. */
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
| agent | version | its model speaks | ${names.join(' | ')} |
|${' --- |'.repeat(names.length + 3)}
${rows.join('\n')}

## What is tried

| check | what it shows |
| --- | --- |
${checks.map(({ name, what }) => `| ${name} | ${what} |`).join('\n')}

## What fails, and whose fault it is

| agent | check | whose | why |
| --- | --- | --- | --- |
${reasons.join('\n')}
`;
}

const introduction = `<!-- Written by \`vitest -u --project 'published*'\`. Do not edit. -->
# Published agents

Coding agents as their makers publish them, by the Agent Client Protocol, each by the manifest that \`agentctl init\` writes
where it knows the agent, with a scripted model on this machine in place of its vendor's. Every version of agentctl is
tried with all of them. A plus is a check that passes; a minus is explained below.
`;
