import { AgentctlError } from '../errors.ts';
/** Parses kubectl's JSONPath templates (client-go, util/jsonpath): text with `{...}` in it. */

export type Step =
  /** `path` is the name split at its dots: kubectl reads a quoted name that way. */
  | { type: 'field'; name: string; path?: string[] }
  /** Every value of a list or an object. */
  | { type: 'all' }
  /** The node itself and everything below it. */
  | { type: 'descend' }
  | { type: 'slice'; from?: number; to?: number; by: number }
  | { type: 'index'; at: number }
  | { type: 'union'; of: Step[] }
  | { type: 'filter'; left: Operand; sign?: Sign; right?: Operand };
export type Sign = '==' | '!=' | '<' | '<=' | '>' | '>=';
export type Operand = { value: string | number | boolean } | Expression;
/** A path from the root (`$`) or from the current node (`@` or nothing). */
export interface Expression {
  from: 'root' | 'current';
  steps: Step[];
}
export type Part = { text: string } | Expression | { range: Expression; body: Part[] };

/** The text is not a template. The message says where. */
export class JsonPathError extends AgentctlError<'InvalidTemplate'> {
  constructor(template: string, at: number, why: string) {
    super(
      'InvalidTemplate',
      `${JSON.stringify(template)} is not a valid JSONPath template: ${why} at character ${at + 1}`,
    );
    this.name = 'JsonPathError';
  }
}

export function parseTemplate(template: string): Part[] {
  return new Parser(template).template();
}

/** Parses a custom column: `.metadata.name`, `metadata.name` and `{.metadata.name}` mean the same. */
export function parseExpression(text: string): Expression {
  const bare = /^\{(.*)\}$/s.exec(text.trim())?.[1] ?? text.trim();
  const start = bare === '' || /^[.[$@]/.test(bare) ? bare : `.${bare}`;
  return new Parser(start).whole();
}

const space = /\s/;
const nameEnd = /[\s.[\]{}()'"=!<>,]/;
const escapes: Record<string, string> = { n: '\n', t: '\t', r: '\r' };

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  #fail(why: string, at = this.#at): never {
    throw new JsonPathError(this.#text, at, why);
  }

  #peek(token: string): boolean {
    return this.#text.startsWith(token, this.#at);
  }

  #take(token: string): boolean {
    const there = this.#peek(token);
    if (there) this.#at += token.length;
    return there;
  }

  #expect(token: string): void {
    if (!this.#take(token)) this.#fail(`expected ${token}`);
  }

  #skipSpace(): void {
    while (space.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  template(): Part[] {
    const open: { start: number; range: Expression; outside: Part[] }[] = [];
    let parts: Part[] = [];
    while (this.#at < this.#text.length) {
      const brace = this.#text.indexOf('{', this.#at);
      const end = brace < 0 ? this.#text.length : brace;
      if (end > this.#at) parts.push({ text: this.#text.slice(this.#at, end) });
      this.#at = end;
      if (!this.#take('{')) break;
      this.#skipSpace();
      while (!this.#take('}')) {
        const start = this.#at;
        if (this.#at >= this.#text.length) this.#fail('a "{" is not closed', brace);
        if (this.#peek('"') || this.#peek("'")) parts.push({ text: this.#quoted() });
        else if (this.#word('range')) {
          this.#skipSpace();
          open.push({ start, range: this.#expression(), outside: parts });
          parts = [];
        } else if (this.#word('end')) {
          const inner = open.pop();
          if (inner === undefined) return this.#fail('an {end} without a {range}', start);
          inner.outside.push({ range: inner.range, body: parts });
          parts = inner.outside;
        } else parts.push(this.#expression());
        this.#skipSpace();
      }
    }
    const unclosed = open.at(-1);
    if (unclosed !== undefined) this.#fail('a {range} has no {end}', unclosed.start);
    return parts;
  }

  whole(): Expression {
    const expression = this.#expression();
    if (this.#at < this.#text.length) this.#fail(`found ${JSON.stringify(this.#text[this.#at])}`);
    return expression;
  }

  #word(word: string): boolean {
    const after = this.#text[this.#at + word.length] ?? '}';
    return /[\s}]/.test(after) && this.#take(word);
  }

  #expression(): Expression {
    const start = this.#at;
    const from = this.#take('$') ? 'root' : 'current';
    if (from === 'current') this.#take('@');
    const steps: Step[] = [];
    for (;;) {
      if (this.#take('..')) {
        steps.push({ type: 'descend' });
        if (!this.#peek('[')) steps.push(this.#field());
      } else if (this.#take('.')) {
        if (!this.#peek('[') && !this.#atEnd()) steps.push(this.#field());
      } else if (this.#take('[')) steps.push(this.#brackets());
      else break;
    }
    if (this.#at === start) this.#fail('expected a path such as .metadata.name');
    return { from, steps };
  }

  #atEnd(): boolean {
    return this.#at >= this.#text.length || /[\s})]/.test(this.#text[this.#at] ?? '');
  }

  #field(): Step {
    if (this.#take('*')) return { type: 'all' };
    let name = '';
    for (; this.#at < this.#text.length; this.#at += 1) {
      let char = this.#text[this.#at] ?? '';
      if (char === '\\') {
        this.#at += 1;
        char = this.#text[this.#at] ?? '';
      } else if (nameEnd.test(char)) break;
      name += char;
    }
    return name === '' ? this.#fail('expected the name of a field') : { type: 'field', name };
  }

  #brackets(): Step {
    this.#skipSpace();
    if (this.#take('?(')) {
      const filter = this.#filter();
      this.#expect(')');
      this.#skipSpace();
      this.#expect(']');
      return filter;
    }
    const of: Step[] = [];
    do {
      this.#skipSpace();
      of.push(this.#bracketItem());
      this.#skipSpace();
    } while (this.#take(','));
    this.#expect(']');
    const [only] = of;
    return of.length === 1 && only !== undefined ? only : { type: 'union', of };
  }

  #bracketItem(): Step {
    if (this.#take('*')) return { type: 'all' };
    if (this.#peek('"') || this.#peek("'")) {
      const start = this.#at + 1;
      const name = this.#quoted();
      const path = this.#text.slice(start, this.#at - 1).match(/(?:\\.|[^\\.])+/gs) ?? [];
      return { type: 'field', name, path: path.map((part) => part.replace(/\\(.)/gs, '$1')) };
    }
    const slice = /^(-?\d+)?(?::(-?\d+)?(?::(-?\d+)?)?)?/.exec(this.#text.slice(this.#at, this.#at + 60));
    const [whole = '', from, to, by] = slice ?? [];
    if (whole === '') return this.#field();
    this.#at += whole.length;
    if (!whole.includes(':')) return { type: 'index', at: Number(from) };
    const step = by === undefined ? 1 : Number(by);
    if (step <= 0) this.#fail('the step must be greater than 0');
    return {
      type: 'slice',
      by: step,
      ...(from === undefined ? {} : { from: Number(from) }),
      ...(to === undefined ? {} : { to: Number(to) }),
    };
  }

  #filter(): Step {
    const left = this.#operand();
    this.#skipSpace();
    const sign = (['==', '!=', '<=', '>=', '<', '>'] as const).find((token) => this.#take(token));
    if (sign === undefined) return { type: 'filter', left };
    const right = this.#operand();
    this.#skipSpace();
    return { type: 'filter', left, sign, right };
  }

  #operand(): Operand {
    this.#skipSpace();
    if (this.#peek('"') || this.#peek("'")) return { value: this.#quoted() };
    const literal = /^(?:true|false|-?\d+(?:\.\d+)?)(?=[\s)=!<>])/.exec(
      this.#text.slice(this.#at, this.#at + 60),
    );
    if (literal === null) return this.#expression();
    this.#at += literal[0].length;
    return { value: JSON.parse(literal[0]) };
  }

  #quoted(): string {
    const start = this.#at;
    const quote = this.#text[this.#at];
    let text = '';
    for (this.#at += 1; this.#at < this.#text.length; this.#at += 1) {
      let char = this.#text[this.#at] ?? '';
      if (char === quote) {
        this.#at += 1;
        return text;
      }
      if (char === '\\') {
        this.#at += 1;
        const escaped = this.#text[this.#at] ?? '';
        char = escapes[escaped] ?? escaped;
      }
      text += char;
    }
    return this.#fail('a quote is not closed', start);
  }
}
