import { describe, expect, test } from 'vitest';
import { formOf } from '../../src/server/answer.ts';

describe('the form of an answer', () => {
  test.each([
    [undefined, { encoding: 'json', as: 'Object' }],
    ['*/*', { encoding: 'json', as: 'Object' }],
    ['application/yaml', { encoding: 'yaml', as: 'Object' }],
    ['application/json;charset=utf-8', { encoding: 'json', as: 'Object' }],
    ['text/html, application/yaml', { encoding: 'yaml', as: 'Object' }],
    ['application/json;q=0.5, application/yaml', { encoding: 'yaml', as: 'Object' }],
    ['application/yaml;q=0, */*;q=0.1', { encoding: 'json', as: 'Object' }],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', { encoding: 'json', as: 'Table' }],
    [
      'application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json',
      { encoding: 'json', as: 'Object' },
    ],
    ['Application/JSON;as=PartialObjectMetadataList;v=v1', { encoding: 'json', as: 'Metadata' }],
  ])('of Accept: %s', (accept, form) => {
    expect(formOf(accept)).toEqual(form);
  });

  test.each(['text/html', 'application/json;q=0', 'application/json;as=Tree'])(
    'there is none for %s',
    (accept) => {
      expect(() => formOf(accept)).toThrow(expect.objectContaining({ code: 'NotAcceptable' }));
    },
  );
});
