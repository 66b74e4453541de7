import { spoken } from './script.ts';
import { type Answer, body, type Event, list, schema, text, textOf, type Usage, type Wire } from './wire.ts';

/** OpenAI's chat completions. */
export const chatCompletions: Wire = {
  read: (path, asked) => {
    if (!path.endsWith('/chat/completions')) return;
    const messages = list(asked.messages);
    const of = (...roles: string[]) => messages.filter(({ role }) => roles.includes(text(role)));
    const last = messages.at(-1);
    const calls = messages.flatMap(({ tool_calls }) => list(tool_calls));
    const answered = calls.findLast(({ id }) => id === last?.tool_call_id);
    const searched = last?.role === 'tool' && body(answered?.function).name === 'tool_search';
    return {
      model: text(asked.model),
      system: of('system', 'developer')
        .map(({ content }) => textOf(content))
        .join('\n'),
      said: of('user').map(({ content }) => textOf(content)),
      searched,
      ...(last?.role === 'tool' && !searched && { result: textOf(last.content) }),
      tools: list(asked.tools).map(({ function: named }) => {
        const { name, parameters } = body(named);
        return { name: text(name), takes: schema(parameters) };
      }),
      streamed: asked.stream === true,
      silent: asked.stream === true && body(asked.stream_options).include_usage !== true,
    };
  },
  whole: ({ model }, answer, used) => ({
    ...head(model),
    object: 'chat.completion',
    choices: [
      'say' in answer
        ? { index: 0, message: { role: 'assistant', content: answer.say.join('') }, finish_reason: 'stop' }
        : {
            index: 0,
            message: { role: 'assistant', content: null, tool_calls: [toolCall(answer)] },
            finish_reason: 'tool_calls',
          },
    ],
    usage: usage(used),
  }),
  async *events({ model, silent }, answer, used): AsyncGenerator<Event> {
    const chunk = (rest: object): Event => ({
      data: { ...head(model), object: 'chat.completion.chunk', ...rest },
    });
    const choice = (delta: object, finish_reason: string | null = null) =>
      chunk({ choices: [{ index: 0, delta, finish_reason }] });
    if ('say' in answer) {
      yield choice({ role: 'assistant', content: '' });
      for await (const content of spoken(answer)) yield choice({ content });
      yield choice({}, 'stop');
    } else {
      yield choice({ role: 'assistant', tool_calls: [{ index: 0, ...toolCall(answer) }] });
      yield choice({}, 'tool_calls');
    }
    if (!silent) yield chunk({ choices: [], usage: usage(used) });
    yield { data: '[DONE]' };
  },
};

let made = 0;
const head = (model: string): object => ({ id: 'chat', created: 0, model });
const toolCall = ({ call, input }: Extract<Answer, { call: string }>): object => ({
  id: `call_${++made}`,
  type: 'function',
  function: { name: call, arguments: JSON.stringify(input) },
});
const usage = ({ input, output }: Usage): object => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
});
