import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { Journal, MessageFilter, Scope, StoredEvent, UsageFilter } from './journal.ts';
import {
  type Row,
  selected,
  toEnvelope,
  toMessage,
  toValue,
  whereFinal,
  whereOpen,
} from './journal-schema.ts';
import type { AgentUsage, Approval, Conversation, Link, Message, UsageRecord } from './message.ts';

type Condition = [sql: string, ...values: SQLInputValue[]];

const whole = `SELECT ${selected}, t.text FROM messages m JOIN texts t ON t.message = m.ordinal`;
const envelope = `SELECT ${selected} FROM messages m`;

const beforeIt = `ordinal < coalesce((SELECT ordinal FROM messages WHERE id = ?),
  (SELECT max(ordinal) + 1 FROM messages WHERE createdAt < ?), 0)`;

/** The reads of a Journal. Each statement is prepared once. */
export class JournalReader {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  load(): ReturnType<Journal['load']> {
    const marks = this.#all('SELECT name, at FROM marks');
    return {
      messages: this.#all(`${envelope} WHERE ${whereOpen} ORDER BY ordinal`).map(toEnvelope),
      conversations: this.#all(
        `SELECT value FROM conversations WHERE state = 'Open'
           OR id IN (SELECT conversation FROM messages WHERE ${whereOpen}) ORDER BY rowid`,
      ).map(toValue<Conversation>),
      links: this.#all('SELECT value FROM links ORDER BY uid, run').map(toValue<Link>),
      approvals: this.approvals({ state: 'Pending' }),
      marks: new Map(marks.map(({ name, at }) => [String(name), Number(at)])),
      unanswered: this.#all(
        `${envelope} INDEXED BY messages_unanswered WHERE asks = 1 AND answered IS NOT 1 AND ${whereFinal} ORDER BY ordinal`,
      ).map(toEnvelope),
    };
  }

  message(id: string): Message | undefined {
    return this.#where(whole, [['id = ?', id]]).map(toMessage)[0];
  }

  byKey(namespace: string, agent: string, key: string): Message | undefined {
    return this.#where(whole, [...inScope({ namespace, agent }), ['"key" = ?', key]]).map(toMessage)[0];
  }

  messages({ conversation, states, before, limit = -1, ...scope }: MessageFilter = {}): Message[] {
    const conditions: Condition[] = inScope(scope);
    if (states !== undefined) conditions.push([`state IN (${states.map(() => '?').join(', ')})`, ...states]);
    if (before !== undefined) conditions.push([beforeIt, before.id, before.createdAt]);
    // The + keeps SQLite from using another index: the index of conversations is the best one here.
    if (conversation !== undefined) {
      for (const condition of conditions) condition[0] = `+${condition[0]}`;
      conditions.push(['conversation = ?', conversation]);
    }
    // Texts are read after sorting and limiting, only for the returned messages.
    const wanted = question('SELECT ordinal FROM messages', conditions, 'ORDER BY ordinal DESC LIMIT ?');
    const sql = `${whole} WHERE m.ordinal IN (${wanted}) ORDER BY m.ordinal DESC`;
    return this.#all(sql, ...bound(conditions), limit).map(toMessage);
  }

  counts(conversation?: string): ReadonlyMap<string, number> {
    const rows = this.#where(
      'SELECT conversation, count(*) AS messages FROM messages',
      conversation === undefined ? [] : [['conversation = ?', conversation]],
      'GROUP BY conversation',
    );
    return new Map(rows.map((row) => [String(row.conversation), Number(row.messages)]));
  }

  events(message: string, after = Number.MIN_SAFE_INTEGER, limit = -1): StoredEvent[] {
    return this.#all(
      `SELECT seq, at, event FROM events
       WHERE message = (SELECT ordinal FROM messages WHERE id = ?) AND seq > ? ORDER BY seq LIMIT ?`,
      message,
      after,
      limit,
    ).map(({ seq, at, event }) => ({ seq: Number(seq), at: Number(at), event: JSON.parse(String(event)) }));
  }

  conversation(id: string): Conversation | undefined {
    return this.#values<Conversation>('conversations', [['id = ?', id]])[0];
  }

  conversations(filter: Scope = {}): Conversation[] {
    return this.#values('conversations', inScope(filter));
  }

  approvals({ state, ...scope }: Scope & { state?: Approval['state'] | undefined } = {}): Approval[] {
    const conditions = inScope(scope);
    if (state !== undefined) conditions.push(['state = ?', state]);
    return this.#values('approvals', conditions);
  }

  approval(id: string): Approval | undefined {
    return this.#values<Approval>('approvals', [['id = ?', id]])[0];
  }

  usage({ since, ...scope }: UsageFilter = {}): UsageRecord[] {
    const conditions = inScope(scope);
    if (since !== undefined) conditions.push(['at >= ?', since]);
    return this.#values('usage', conditions);
  }

  usageByModel({ since = 0, ...scope }: UsageFilter): AgentUsage[] {
    const conditions: Condition[] = [...inScope(scope), ['at >= ?', since]];
    const where = conditions.map(([sql]) => sql).join(' AND ');
    const spent = Map.groupBy(this.#all(costs(where), ...bound(conditions)), idOf);
    return this.#all(turns(where), ...bound(conditions)).map((row) => {
      const missing = (reports: unknown): number => Number(row.turns) - Number(reports);
      const own = spent.get(idOf(row)) ?? [];
      const sum: AgentUsage = {
        namespace: String(row.namespace),
        agent: String(row.agent),
        turns: Number(row.turns),
        unreported: {
          inputTokens: missing(row.inputTokensReports),
          outputTokens: missing(row.outputTokensReports),
          totalTokens: missing(row.totalTokensReports),
          cost: missing(row.cost),
        },
      };
      if (row.model !== null) sum.model = String(row.model);
      for (const name of counters) if (row[name] !== null) sum[name] = Number(row[name]);
      if (own.length > 0)
        sum.cost = Object.fromEntries(own.map(({ currency, amount }) => [String(currency), Number(amount)]));
      return sum;
    });
  }

  /** In the order in which they were first written. */
  #values<T>(table: string, conditions: readonly Condition[]): T[] {
    return this.#where(`SELECT value FROM ${table}`, conditions, 'ORDER BY rowid').map(toValue<T>);
  }

  #where(select: string, conditions: readonly Condition[], order = ''): Row[] {
    return this.#all(question(select, conditions, order), ...bound(conditions));
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement.all(...values);
  }
}

function question(select: string, conditions: readonly Condition[], order: string): string {
  const where = conditions.map(([sql]) => sql).join(' AND ');
  return where === '' ? `${select} ${order}` : `${select} WHERE ${where} ${order}`;
}

const bound = (conditions: readonly Condition[]): SQLInputValue[] =>
  conditions.flatMap(([, ...values]) => values);

function inScope({ namespace, agent }: Scope): Condition[] {
  const conditions: Condition[] = [];
  if (namespace !== undefined) conditions.push(['namespace = ?', namespace]);
  if (agent !== undefined) conditions.push(['agent = ?', agent]);
  return conditions;
}

const counters = ['inputTokens', 'outputTokens', 'totalTokens'] as const;

/** If a turn reports no total, input plus output counts as its total, but only if both are reported. */
const turns = (
  where: string,
): string => `SELECT namespace, agent, model, count(*) AS turns, count(cost) AS cost,
    ${counters.map((name) => `sum(${name}) AS ${name}, count(${name}) AS "${name}Reports"`).join(', ')}
  FROM (SELECT namespace, agent, value ->> 'model' AS model, value ->> '$.cost.amount' AS cost,
      value ->> 'inputTokens' AS inputTokens, value ->> 'outputTokens' AS outputTokens,
      coalesce(value ->> 'totalTokens', (value ->> 'inputTokens') + (value ->> 'outputTokens')) AS totalTokens
    FROM usage WHERE ${where})
  GROUP BY namespace, agent, model ORDER BY namespace, agent, model`;
const costs = (where: string): string => `SELECT namespace, agent, value ->> 'model' AS model,
    value ->> '$.cost.currency' AS currency, sum(value ->> '$.cost.amount') AS amount
  FROM usage WHERE ${where} AND value ->> '$.cost.amount' IS NOT NULL
  GROUP BY 1, 2, 3, 4 ORDER BY 4`;

const idOf = ({ namespace, agent, model }: Row): string => JSON.stringify([namespace, agent, model]);
