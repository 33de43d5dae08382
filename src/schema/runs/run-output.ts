import { MAX_LINES, type OutputLine } from '../../runs/output/line.ts'
import type { OutputPage } from '../../runs/output/output.ts'
import { builder } from '../builder/builder.ts'
import { throwCoded } from '../builder/errors.ts'
import { badInput, checkRange } from '../builder/input-error.ts'
import { TOLD_AS_VALUES } from '../builder/told-as-values.ts'
import { TrainingRunRef } from './training-run.ts'

const DEFAULT_LINES = 100
const MAX_PAGE_LINES = 1000

const RunLogStream = builder.enumType('RunLogStream', {
  description: 'Stream on which a line of a run was printed.',
  values: {
    STDOUT: { description: "The trainer's standard output." },
    STDERR: { description: "The trainer's standard error." },
    SERVER: { description: 'A remark of the server: how many lines it left out.' },
  } as const,
})

const RunLogLine = builder.objectRef<OutputLine>('RunLogLine').implement({
  description: 'A line that the trainer of a run printed.',
  fields: (t) => ({
    cursor: t.field({
      type: 'LogCursor',
      description: 'Pass it as `after` to go on behind this line.',
      resolve: ({ number }) => number,
    }),
    number: t.exposeInt('number', {
      description: 'Number of the line, from 1, over all attempts of the run.',
    }),
    attempt: t.exposeInt('attempt', {
      description: 'Number of the attempt (start of the trainer) that printed it.',
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When the server got it.' }),
    stream: t.expose('stream', { type: RunLogStream, description: 'Stream on which it was printed.' }),
    text: t.exposeString('text', { description: 'The line; a very long one is cut and says so.' }),
  }),
})

const RunLog = builder.objectRef<OutputPage>('RunLog').implement({
  description: 'What the trainer of a run printed.',
  fields: (t) => ({
    lines: t.expose('lines', {
      type: [RunLogLine],
      description: 'Lines in the order in which they were printed.',
      complexity: { field: 5, multiplier: 1 },
    }),
    firstKept: t.exposeInt('firstKept', {
      description: `Number of the oldest line that is kept: above 1, those before it are gone. A run keeps its newest ${MAX_LINES}.`,
    }),
    hasMore: t.boolean({
      description: 'Whether there are lines behind these.',
      resolve: ({ lines, newest }) => (lines.at(-1)?.number ?? newest) < newest,
    }),
    cursor: t.field({
      type: 'LogCursor',
      description: 'Cursor of the newest line: subscribe with it to get only what comes.',
      resolve: ({ newest }) => newest,
    }),
  }),
})

builder.queryField('runLog', (t) =>
  t.field({
    type: RunLog,
    authScopes: { role: 'VIEWER' },
    nullable: true,
    description:
      'What the trainer of a run printed, the oldest first: engine, data set, network, epochs, and why it failed. Null when there is no such run.',
    args: {
      id: t.arg.globalID({ for: TrainingRunRef, required: true, description: 'Id of the run.' }),
      after: t.arg({ type: 'LogCursor', description: 'Only lines behind this one.' }),
      first: t.arg.int({
        description: `Number of lines from the beginning, 1 to ${MAX_PAGE_LINES}; ${DEFAULT_LINES} when left out.`,
      }),
      last: t.arg.int({
        description: `Instead of \`first\`: number of the newest lines, 1 to ${MAX_PAGE_LINES}.`,
      }),
    },
    resolve: (_root, { id, after, first, last }, { runs }) => {
      if (first != null && last != null) throw badInput('runLog: first or last, not both.')
      if (last != null) {
        checkRange('runLog: last', last, 1, MAX_PAGE_LINES)
        return runs.output.page(id.id, { after: after ?? 0, last })
      }
      checkRange('runLog: first', first ?? DEFAULT_LINES, 1, MAX_PAGE_LINES)
      return runs.output.page(id.id, { after: after ?? 0, first: first ?? DEFAULT_LINES })
    },
  }),
)

builder.subscriptionField('runLogLines', (t) =>
  t.field({
    type: RunLogLine,
    authScopes: { role: 'VIEWER' },
    description:
      'What the trainer of a run prints, line by line, beginning with the lines that are kept. It completes when the run has ended.',
    args: {
      id: t.arg.globalID({ for: TrainingRunRef, required: true, description: 'Id of the run.' }),
      after: t.arg({
        type: 'LogCursor',
        description:
          'Only what came after this line: pass the cursor of the last one you got to reconnect without a gap.',
      }),
    },
    subscribe: (_root, { id, after }, { runs }) => runs.output.follow(id.id, after ?? 0).catch(throwCoded),
    resolve: (line) => line,
    extensions: TOLD_AS_VALUES,
  }),
)
