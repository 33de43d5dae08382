import { statSync } from 'node:fs'
import { graphql, type ResultOf, type VariablesOf } from '../../client/graphql.ts'
import { expectOf } from '../answers.ts'
import { type Command, Failure, INTERRUPTED, type Invocation, UsageError } from '../command.ts'
import { fileOf } from '../files.ts'
import { tarOf } from '../tar.ts'
import { bar } from '../terminal.ts'
import { bytes, percent, table } from '../text.ts'

const FINDINGS = 20

const DATASET = graphql(`
  fragment CliDataset on Dataset {
    name
    reference
    version
    state
    error
    bytes
    classes
    trainCount
    testCount
    imageShape
    digest
    parent { reference }
    import { state progress phase done total ahead error origin layout findingCounts { kind count } }
  }
`)
const CREATE = graphql(
  `
    mutation CliCreateDataset($input: CreateDatasetInput!) {
      createDataset(input: $input) {
        __typename
        ...CliDataset
        ... on ValidationError { issues { path message } }
        ... on Error { message }
      }
    }
  `,
  [DATASET],
)
const UPDATE = graphql(
  `
    mutation CliUpdateDataset($input: UpdateDatasetInput!) {
      updateDataset(input: $input) {
        __typename
        ...CliDataset
        ... on ValidationError { issues { path message } }
        ... on Error { message }
      }
    }
  `,
  [DATASET],
)
const CHANGED = graphql(
  `subscription CliDatasetChanged($name: String!) { datasetChanged(name: $name) { ...CliDataset } }`,
  [DATASET],
)
const LIST = graphql(`query CliDatasets { datasets { ...CliDataset } }`, [DATASET])
const SHOW = graphql(
  `
    query CliDataset($name: String!, $first: Int!) {
      dataset(name: $name) {
        ...CliDataset
        classCounts { label train test }
        versions { reference state }
        import { findings(first: $first) { totalCount edges { node { kind path message other } } } }
      }
    }
  `,
  [DATASET],
)
const DELETE = graphql(
  `
    mutation CliDeleteDataset($name: String!) {
      deleteDataset(name: $name) { __typename ...CliDataset ... on Error { message } }
    }
  `,
  [DATASET],
)
const CANCEL = graphql(
  `
    mutation CliCancelDatasetImport($name: String!) {
      cancelDatasetImport(name: $name) { __typename ...CliDataset ... on Error { message } }
    }
  `,
  [DATASET],
)
const RETRY = graphql(
  `
    mutation CliRetryDatasetImport($name: String!) {
      retryDatasetImport(name: $name) { __typename ...CliDataset ... on Error { message } }
    }
  `,
  [DATASET],
)
type Shown = ResultOf<typeof DATASET>
type Edits = NonNullable<VariablesOf<typeof UPDATE>['input']['edits']>
type Resize = NonNullable<VariablesOf<typeof CREATE>['input']['resize']>
type Labels = NonNullable<VariablesOf<typeof CREATE>['input']['labels']>

interface Action {
  takes: string
  count: number
  run(invocation: Invocation, args: string[]): Promise<number>
}

const ACTIONS: Readonly<Record<string, Action>> = {
  list: { takes: '', count: 0, run: list },
  show: { takes: 'NAME', count: 1, run: show },
  create: { takes: 'NAME PICTURES', count: 2, run: create },
  add: { takes: 'NAME PICTURES', count: 2, run: add },
  'rename-class': {
    takes: 'NAME CLASS NEW',
    count: 3,
    run: (invocation, [name, from, to]) => edit(invocation, name!, { classes: [{ from: from!, to: to! }] }),
  },
  'drop-class': {
    takes: 'NAME CLASS',
    count: 2,
    run: (invocation, [name, from]) => edit(invocation, name!, { classes: [{ from: from!, to: null }] }),
  },
  retry: { takes: 'NAME', count: 1, run: retry },
  cancel: { takes: 'NAME', count: 1, run: cancel },
  delete: { takes: 'NAME', count: 1, run: remove },
}

export const dataset: Command = {
  name: 'dataset',
  takes: 'ACTION ...',
  summary: 'makes, lists, changes and deletes data sets of your own',
  more: [
    'ACTION is one of:',
    ...Object.entries(ACTIONS).map(([name, { takes }]) => `  ${name} ${takes}`.trimEnd()),
    'PICTURES are a .zip, .tar or .tar.gz, or a folder: with a folder for each class, train and test folders of these, a CSV, or the files of CIFAR-10, CIFAR-100 or MNIST. NAME may name a version: pets@2. create, add, rename-class and drop-class show the import until it has ended; Ctrl-C leaves it, and it goes on.',
  ].join('\n'),
  options: {
    size: { value: 'HxW', help: 'with create: size of the images in pixels, such as 64x64' },
    resize: { value: 'RULE', help: 'how pictures are brought to it: cover, contain or stretch' },
    background: { value: 'COLOUR', help: 'with contain: the colour around a picture, such as #ffffff' },
    'test-share': { value: 'SHARE', help: 'share of each class that is for testing (0.2)' },
    seed: { value: 'N', help: 'chooses these (0)' },
    labels: { value: 'KIND', help: 'of files of CIFAR-100: fine or coarse' },
    'on-server': { help: 'with create and add: PICTURES is a folder in DATASETS_DIR of the server' },
    from: { help: 'with create: PICTURES is another data set of the server' },
  },
  count: { least: 1, most: 4 },
  async run(invocation) {
    const [name, ...args] = invocation.positionals as [string, ...string[]]
    if (!Object.hasOwn(ACTIONS, name)) {
      throw new UsageError(`ACTION must be one of ${Object.keys(ACTIONS).join(', ')}, not "${name}".`)
    }
    const action = ACTIONS[name]!
    if (args.length !== action.count) {
      throw new UsageError(`vggzoo dataset ${name} takes ${action.takes || 'no arguments'}.`)
    }
    return action.run(invocation, args)
  },
}

async function list({ client, screen, json }: Invocation): Promise<number> {
  const { datasets } = await client.query(LIST, {})
  if (json) screen.print(JSON.stringify(datasets, null, 2))
  else {
    const rows = datasets.map((one) => [
      one.reference,
      one.state,
      one.classes.length,
      one.trainCount,
      one.testCount,
      sizeIn(one),
    ])
    for (const line of table(['DATA SET', 'STATE', 'CLASSES', 'TRAIN', 'TEST', 'IMAGES'], rows)) {
      screen.print(line)
    }
  }
  return 0
}

async function show({ client, screen, json }: Invocation, [name]: string[]): Promise<number> {
  const { dataset: found } = await client.query(SHOW, { name: name!, first: FINDINGS })
  if (found === null) throw new Failure(`There is no data set "${name}". vggzoo dataset list lists them.`)
  if (json) {
    screen.print(JSON.stringify(found, null, 2))
    return 0
  }
  const { reference, state, error, parent, classCounts, versions, digest } = found
  screen.print(`${reference}: ${state}${error === null ? '' : `. ${error}`}`)
  if (parent !== null) screen.print(`made of ${parent.reference}`)
  if (found.import !== null) screen.print(`from ${found.import.origin}: ${found.import.layout ?? '-'}`)
  screen.print(`${found.trainCount} training and ${found.testCount} test images of ${sizeIn(found)} pixels`)
  if (digest !== null) screen.print(`digest ${digest}`)
  if (versions.length > 1) screen.print(`versions: ${versions.map((one) => one.reference).join(', ')}`)
  if (classCounts !== null) {
    const rows = classCounts.map(({ label, train, test }) => [label, train, test])
    screen.print()
    for (const line of table(['CLASS', 'TRAIN', 'TEST'], rows)) screen.print(line)
  }
  printFindings(found.import, screen)
  return 0
}

async function create(invocation: Invocation, [name, pictures]: string[]): Promise<number> {
  const { client, flag } = invocation
  const from = flag('from') ? { dataset: pictures! } : await givenOf(invocation, pictures!)
  const input = { name: name!, from, ...howOf(invocation) }
  const { createDataset } = await client.mutate(CREATE, { input }, { onProgress: sending(invocation) })
  return follow(invocation, expectOf(createDataset, 'Dataset'))
}

async function add(invocation: Invocation, [name, pictures]: string[]): Promise<number> {
  const input = { name: name!, add: await givenOf(invocation, pictures!), ...howOf(invocation) }
  const options = { onProgress: sending(invocation) }
  const { updateDataset } = await invocation.client.mutate(UPDATE, { input }, options)
  return follow(invocation, expectOf(updateDataset, 'Dataset'))
}

async function edit(invocation: Invocation, name: string, edits: Edits): Promise<number> {
  const { updateDataset } = await invocation.client.mutate(UPDATE, { input: { name, edits } })
  return follow(invocation, expectOf(updateDataset, 'Dataset'))
}

/** After an import that failed for want of room. */
async function retry(invocation: Invocation, [name]: string[]): Promise<number> {
  const { retryDatasetImport } = await invocation.client.mutate(RETRY, { name: name! })
  return follow(invocation, expectOf(retryDatasetImport, 'Dataset'))
}

async function cancel({ client, screen, json }: Invocation, [name]: string[]): Promise<number> {
  const { cancelDatasetImport } = await client.mutate(CANCEL, { name: name! })
  const cancelled = expectOf(cancelDatasetImport, 'Dataset')
  screen.print(json ? JSON.stringify(cancelled) : `The import of ${cancelled.reference} is cancelled.`)
  return 0
}

async function remove({ client, screen, json }: Invocation, [name]: string[]): Promise<number> {
  const { deleteDataset } = await client.mutate(DELETE, { name: name! })
  const deleted = expectOf(deleteDataset, 'Dataset')
  screen.print(json ? JSON.stringify(deleted) : `${name} is deleted.`)
  return 0
}

/** What is sent, or named where it is on the server. */
async function givenOf({ flag }: Invocation, pictures: string) {
  if (flag('on-server')) return { folder: pictures }
  const isFolder = statSync(pictures, { throwIfNoEntry: false })?.isDirectory() ?? false
  return { archive: await (isFolder ? tarOf(pictures) : fileOf(pictures)) }
}

function howOf({ text, number, whole }: Invocation) {
  const size = text('size')
  const sides = size === undefined ? undefined : /^(\d{1,4})x(\d{1,4})$/i.exec(size)
  if (sides === null) throw new UsageError(`--size must be HEIGHTxWIDTH such as 64x64, not "${size}".`)
  const resize = choiceOf(RULES, 'resize', text('resize'))
  const labels = choiceOf(LABELS, 'labels', text('labels'))
  return {
    size: sides === undefined ? undefined : [Number(sides[1]), Number(sides[2])],
    resize,
    background: text('background'),
    testShare: number('test-share'),
    seed: whole('seed', 0),
    labels,
  }
}

const RULES: readonly Resize[] = ['COVER', 'CONTAIN', 'STRETCH']
const LABELS: readonly Labels[] = ['FINE', 'COARSE']

/** @throws UsageError */
function choiceOf<Choice extends string>(
  choices: readonly Choice[],
  option: string,
  text: string | undefined,
): Choice | undefined {
  if (text === undefined) return undefined
  const found = choices.find((choice) => choice === text.toUpperCase())
  if (found !== undefined) return found
  const all = choices.map((choice) => choice.toLowerCase())
  throw new UsageError(`--${option} must be ${all.slice(0, -1).join(', ')} or ${all.at(-1)}, not "${text}".`)
}

function sending({ screen, json }: Invocation) {
  return ({ sent, total }: { sent: number; total: number }) => {
    if (!screen.isTerminal || json) return
    screen.draw([`${bar(sent / total)} ${percent(sent / total)} of ${bytes(total)}`], '')
  }
}

/** Shows an import until it has ended, or Ctrl-C leaves it. @returns the exit code */
async function follow(invocation: Invocation, { reference }: Shown): Promise<number> {
  const { client, screen, json } = invocation
  const leaving = new AbortController()
  const leave = () => leaving.abort()
  process.once('SIGINT', leave)
  try {
    const stream = client.subscribe(CHANGED, { name: reference }, { signal: leaving.signal })
    for await (const { datasetChanged: now } of stream) {
      const state = now.import!.state
      if (!json) draw(screen, now)
      if (state === 'QUEUED' || state === 'IMPORTING') continue
      return await ended(invocation, now)
    }
  } catch (error) {
    if (!leaving.signal.aborted) throw error
  } finally {
    process.off('SIGINT', leave)
  }
  process.stderr.write(
    `Left ${reference}, whose import goes on. vggzoo dataset show ${reference} tells of it.\n`,
  )
  return INTERRUPTED
}

function draw(screen: Invocation['screen'], now: Shown): void {
  const { state, progress, phase, done, total, ahead } = now.import!
  const waiting = state === 'QUEUED' && ahead !== null && ahead > 0 ? `, ${ahead} before it` : ''
  const what = phase === null ? '' : ` ${phase.toLowerCase()} ${done}${total === null ? '' : `/${total}`}`
  screen.draw(
    [`${bar(progress)} ${percent(progress)}  ${now.reference} ${state}${waiting}${what}`],
    `${now.reference} ${state}${waiting}`,
  )
}

async function ended({ client, screen, json }: Invocation, now: Shown): Promise<number> {
  const { dataset: found } = await client.query(SHOW, { name: now.reference, first: FINDINGS })
  const isReady = now.import!.state === 'READY'
  if (json) {
    screen.print(JSON.stringify(found))
    return isReady ? 0 : 1
  }
  screen.print()
  printFindings(found?.import ?? null, screen)
  if (!isReady) throw new Failure(now.error ?? `The import of ${now.reference} is ${now.import!.state}.`)
  screen.print(
    `${now.reference}: ${now.trainCount} training and ${now.testCount} test images of ${now.classes.length} classes. vggzoo start vgg_mini --dataset ${now.reference} --watch trains a network on them.`,
  )
  return 0
}

type Import = NonNullable<NonNullable<ResultOf<typeof SHOW>['dataset']>['import']>

function printFindings(
  found: (Pick<Import, 'findings'> & { findingCounts?: readonly { kind: string; count: number }[] }) | null,
  screen: Invocation['screen'],
): void {
  if (found === null || found.findings.totalCount === 0) return
  screen.print()
  const counts = (found.findingCounts ?? []).map(({ kind, count }) => `${count} ${kind}`)
  if (counts.length > 0) screen.print(counts.join(', '))
  for (const { node } of found.findings.edges) screen.print(`${node.kind} ${node.path}: ${node.message}`)
  const more = found.findings.totalCount - found.findings.edges.length
  if (more > 0) screen.print(`... and ${more} more: import.findings of the API has them all.`)
}

function sizeIn({ imageShape: [height, width] }: Shown): string {
  return `${height}x${width}`
}
