import { spoken } from './script.ts';
import { body, type Event, list, type Request, schema, text, textOf, type Usage, type Wire } from './wire.ts';

/** Gemini's generateContent. */
export const generateContent: Wire = {
  read: (path, asked) => {
    const [, model, verb] = /\/models\/([^/:]+):(generateContent|streamGenerateContent)$/.exec(path) ?? [];
    if (model === undefined) return;
    const turns = list(asked.contents);
    const last = list(turns.at(-1)?.parts);
    const result = last.find(({ functionResponse }) => functionResponse !== undefined);
    const { responseJsonSchema, responseSchema } = body(asked.generationConfig);
    const shape = responseJsonSchema ?? responseSchema;
    return {
      model,
      system: textOf(body(asked.systemInstruction).parts),
      said: turns
        .filter(({ role, parts }) => role === 'user' && textOf(parts) !== '')
        .map(({ parts }) => textOf(parts)),
      ...(result !== undefined && { result: outputOf(body(result.functionResponse)) }),
      tools: list(asked.tools)
        .flatMap(({ functionDeclarations }) => list(functionDeclarations))
        .map(({ name, parametersJsonSchema, parameters }) => ({
          name: text(name),
          takes: schema(parametersJsonSchema ?? parameters),
        })),
      streamed: verb === 'streamGenerateContent',
      silent: false,
      ...(shape !== undefined && { shape: schema(shape) }),
    };
  },
  whole: (request, answer, used) =>
    'say' in answer
      ? chunk(request, [{ text: answer.say.join('') }], used)
      : chunk(request, [{ functionCall: { name: answer.call, args: answer.input } }], used),
  async *events(request, answer, used): AsyncGenerator<Event> {
    if ('say' in answer) {
      for await (const said of spoken(answer)) yield { data: chunk(request, [{ text: said }]) };
      yield { data: chunk(request, [{ text: '' }], used) };
    } else {
      yield { data: chunk(request, [{ functionCall: { name: answer.call, args: answer.input } }], used) };
    }
  },
};

const outputOf = ({ response }: Record<string, unknown>): string => {
  const { output, error } = body(response);
  return text(output) || text(error) || JSON.stringify(response);
};

/** The last one tells what was used. */
const chunk = ({ model }: Request, parts: object[], used?: Usage): object => ({
  candidates: [{ index: 0, content: { role: 'model', parts }, ...(used && { finishReason: 'STOP' }) }],
  modelVersion: model,
  responseId: 'response',
  ...(used && {
    usageMetadata: {
      promptTokenCount: used.input,
      candidatesTokenCount: used.output,
      totalTokenCount: used.input + used.output,
    },
  }),
});
