import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePath, compileTemplate, JsonPathError } from '../../src/api/jsonpath.ts';

// From Kubernetes' documentation, "JSONPath Support".
const data = {
  kind: 'List',
  items: [
    {
      kind: 'None',
      metadata: { name: '127.0.0.1', labels: { 'kubernetes.io/hostname': '127.0.0.1' } },
      status: { capacity: { cpu: '4' }, addresses: [{ type: 'LegacyHostIP', address: '127.0.0.1' }] },
    },
    {
      kind: 'None',
      metadata: { name: '127.0.0.2' },
      status: {
        capacity: { cpu: '8' },
        addresses: [
          { type: 'LegacyHostIP', address: '127.0.0.2' },
          { type: 'another', address: '127.0.0.3' },
        ],
      },
    },
  ],
  users: [
    { name: 'myself', user: {}, age: 3 },
    { name: 'e2e', user: { username: 'admin', password: 'secret' }, age: 5 },
  ],
};

describe('a template', () => {
  test.each([
    ['kind is {.kind}', 'kind is List'],
    ['{.kind}', 'List'],
    ['.kind', 'List'],
    ["{['kind']}", 'List'],
    ['{..name}', '127.0.0.1 127.0.0.2 myself e2e'],
    ['{.items[*].metadata.name}', '127.0.0.1 127.0.0.2'],
    ['{.items.*.metadata.name}', '127.0.0.1 127.0.0.2'],
    ['{.users[0].name}', 'myself'],
    ['{.users[-1].name}', 'e2e'],
    ['{.users[0:1].name}', 'myself'],
    ['{.users[:].name}', 'myself e2e'],
    ['{.users[-1:].name}', 'e2e'],
    ['{.users[0:2:2].name}', 'myself'],
    ['{.users[0,1].name}', 'myself e2e'],
    ["{.items[*]['metadata.name', 'status.capacity']}", '127.0.0.1 {"cpu":"4"} 127.0.0.2 {"cpu":"8"}'],
    ['{.users[?(@.name=="e2e")].user.password}', 'secret'],
    ["{.users[?(@.name!='e2e')].name}", 'myself'],
    ['{.users[?(@.age>3)].name}', 'e2e'],
    ['{.users[?(@.age<=3)].name}', 'myself'],
    ['{.users[?(@.user.username)].name}', 'e2e'],
    ['{.users[?( "e2e" == @.name )].name}', 'e2e'],
    [
      '{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}',
      '[127.0.0.1, {"cpu":"4"}] [127.0.0.2, {"cpu":"8"}] ',
    ],
    [
      '{range .items[*]}{.metadata.name}{"\\t"}{.status.addresses[0].address}{"\\n"}{end}',
      '127.0.0.1\t127.0.0.1\n127.0.0.2\t127.0.0.2\n',
    ],
    ['{range .items[*]}{range .status.addresses[*]}{.type} {end}{end}', 'LegacyHostIP LegacyHostIP another '],
    ['{range .users[*]}{.name} of {$.kind};{end}', 'myself of List;e2e of List;'],
    ['{.items[0].metadata.labels.kubernetes\\.io/hostname}', '127.0.0.1'],
    ["{.items[0].metadata.labels['kubernetes\\.io/hostname']}", '127.0.0.1'],
    ["{.items[0].metadata.labels['kubernetes.io/hostname']}", '127.0.0.1'],
    ['{.users[*].age}', '3 5'],
    ['{.users[0].user}', '{}'],
    ['{.none.of.it}{.users[9].name}', ''],
    ['{ .kind }{ "x" }', 'Listx'],
    ['{.constructor}{.users.length}', ''],
  ])('%s gives "%s"', (template, text) => {
    expect(compileTemplate(template)(data)).toBe(text);
  });

  test('{@} is the whole', () => {
    expect(compileTemplate('{@}')({ a: 1 })).toBe('{"a":1}');
  });

  test.each([
    '{.a',
    '{range .a}',
    '{end}',
    '{.a[}',
    '{.a[1}',
    '{"a}',
    '{.a[?(@.b==)]}',
    '{.a[?(@.b]}',
    '{.a[::0]}',
    '{a=b}',
    '{.a..}',
  ])('%s is refused, with the place', (template) => {
    expect(() => compileTemplate(template)).toThrow(JsonPathError);
    expect(() => compileTemplate(template)).toThrow(/ at character \d+$/);
  });

  test('any text is a template or is refused', () => {
    const text = fc.string({ unit: fc.constantFrom(...'{}[].*?@$()=!<>"\'\\:,-019 a', 'range ', 'end') });
    fc.assert(
      fc.property(text, (template) => {
        try {
          compileTemplate(template)(data);
          compilePath(template)(data);
        } catch (error) {
          expect(error).toBeInstanceOf(JsonPathError);
        }
      }),
    );
  });
});

describe('a path', () => {
  test.each(['.users[0].name', 'users[0].name', '{.users[0].name}', ' {.users[0].name} '])('%s', (path) => {
    expect(compilePath(path)(data)).toEqual(['myself']);
  });

  test('gives no value for what is missing', () => {
    expect(compilePath('.status.conditions[?(@.type=="Ready")].status')(data)).toEqual([]);
  });
});
