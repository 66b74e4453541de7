import { expect, test } from 'vitest';
import { waitsForApproval } from '../../../src/plan/sync-bounds.ts';

const git = { git: { url: 'https://git.example/fleet.git', path: '.', include: [], ignore: [] } };
const directory = { directory: { path: '/fleet', include: [], ignore: [] } };

const cases: [
  string,
  boolean,
  { source?: typeof git | typeof directory; max?: number; deletes: number; of: number; left: number },
][] = [
  ['nothing is deleted', false, { deletes: 0, of: 0, left: 0 }],
  ['nothing is deleted, and none may be', false, { max: 0, deletes: 0, of: 4, left: 4 }],
  ['exactly the share is deleted', false, { deletes: 2, of: 4, left: 2 }],
  ['one more than the share is deleted', true, { deletes: 3, of: 4, left: 1 }],
  ['half of three is one and a half', true, { deletes: 2, of: 3, left: 1 }],
  ['one of two is deleted', false, { deletes: 1, of: 2, left: 1 }],
  ['the last object is deleted', true, { deletes: 1, of: 1, left: 0 }],
  [
    'the last object of a repository is deleted, and all may be',
    false,
    { max: 100, deletes: 1, of: 1, left: 0 },
  ],
  ['one is deleted, and none may be', true, { max: 0, deletes: 1, of: 1_000, left: 999 }],
  ['a third is deleted, and 33 percent may be', true, { max: 33, deletes: 1, of: 3, left: 2 }],
  ['a third is deleted, and 34 percent may be', false, { max: 34, deletes: 1, of: 3, left: 2 }],
  ['a folder is empty, and all may be', true, { source: directory, max: 100, deletes: 1, of: 9, left: 0 }],
  ['a folder was empty before', false, { source: directory, max: 100, deletes: 0, of: 0, left: 0 }],
  ['a folder keeps one, and all may be', false, { source: directory, max: 100, deletes: 8, of: 9, left: 1 }],
];

for (const [name, expected, { source = git, max = 50, deletes, of, left }] of cases)
  test(`${expected ? 'waits' : 'goes on'} where ${name}`, () => {
    expect(
      waitsForApproval({ source, maxPrunePercent: max }, { deletes, inventory: of, manifests: left }),
    ).toBe(expected);
  });
