import { beforeAll, describe, expect, test } from 'vitest'
import { RUN_ROW, useDatabase } from '../support/database.ts'
import { type InProcess, openInProcess, PREDICTION_ROW, VERSION_ROW } from '../support/in-process.ts'

const db = useDatabase()
let api: InProcess
beforeAll(async () => {
  api = await openInProcess(db.prisma, db.folder)
})

const ROWS = 6
const global = (type: string, id: string) => Buffer.from(`${type}:${id}`).toString('base64')

interface List {
  name: string
  /** Its field with these arguments, and what leads there. */
  field(args: string): string
  /** Makes the next row and answers what its node is known by. */
  add(): Promise<string>
  remove(known: string): Promise<unknown>
  node: string
  newestFirst: boolean
}

/** A moment ago, and with every row longer ago: no list goes by the clock. */
let clock = Date.parse('2026-07-01T00:00:00Z')
const earlier = () => {
  clock -= 3_600_000
  return new Date(clock)
}

const addRun = async () => {
  const { number } = await db.prisma.trainingRun.create({
    data: { ...RUN_ROW, status: 'COMPLETED', createdAt: earlier() },
  })
  return String(number)
}
const removeRun = (number: string) => db.prisma.trainingRun.delete({ where: { number: Number(number) } })
let names = 0
let versions = 0
const model = { name: 'paged', id: '' }
let asked = ''
const addVersion = async () => {
  const data = { ...VERSION_ROW, modelId: model.id, version: ++versions, createdAt: earlier() }
  return String((await db.prisma.modelVersion.create({ data })).version)
}
const addPrediction = async (label: string) => {
  const data = { ...PREDICTION_ROW, label, modelVersionId: asked, createdAt: earlier() }
  return (await db.prisma.prediction.create({ data })).label
}
const removePrediction = (label: string) => db.prisma.prediction.deleteMany({ where: { label } })

beforeAll(async () => {
  model.id = (await db.prisma.model.create({ data: { name: model.name } })).id
  const other = await db.prisma.model.create({ data: { name: 'asked' } })
  const data = { ...VERSION_ROW, modelId: other.id, version: 1 }
  asked = (await db.prisma.modelVersion.create({ data })).id
})

const LISTS: List[] = [
  {
    name: 'trainingRuns',
    field: (args) => `list: trainingRuns(${args})`,
    add: addRun,
    remove: removeRun,
    node: 'known: number',
    newestFirst: true,
  },
  {
    name: 'trainingRuns that are filtered',
    field: (args) => `list: trainingRuns(status: [COMPLETED], architecture: "vgg_mini", ${args})`,
    add: addRun,
    remove: removeRun,
    node: 'known: number',
    newestFirst: true,
  },
  {
    name: 'Architecture.runs',
    field: (args) => `parent: architecture(name: "vgg_mini") { list: runs(${args})`,
    add: addRun,
    remove: removeRun,
    node: 'known: number',
    newestFirst: true,
  },
  {
    name: 'models',
    field: (args) => `list: models(${args})`,
    add: async () =>
      (await db.prisma.model.create({ data: { name: `m${++names}`, createdAt: earlier() } })).name,
    remove: (name) => db.prisma.model.delete({ where: { name } }),
    node: 'known: name',
    newestFirst: true,
  },
  {
    name: 'Model.versions',
    field: (args) => `parent: model(name: "paged") { list: versions(${args})`,
    add: addVersion,
    remove: (version) =>
      db.prisma.modelVersion.deleteMany({ where: { modelId: model.id, version: Number(version) } }),
    node: 'known: version',
    newestFirst: true,
  },
  {
    name: 'predictions',
    field: (args) => `list: predictions(${args})`,
    add: () => addPrediction(`p${++names}`),
    remove: removePrediction,
    node: 'known: label',
    newestFirst: true,
  },
  {
    name: 'predictions of a version',
    field: (args) => `list: predictions(modelVersion: "${global('ModelVersion', asked)}", ${args})`,
    add: () => addPrediction(`p${++names}`),
    remove: removePrediction,
    node: 'known: label',
    newestFirst: true,
  },
  {
    name: 'architectures',
    field: (args) => `list: architectures(origin: CUSTOM, ${args})`,
    async add() {
      const name = `net${++names}`
      const head = { kind: 'flat', hidden: [], dropout: 0 } as const
      const rest = { batchNorm: false, inputSize: [32, 32], classes: 10 }
      await api.architectures.create({ name, features: '8,M', head, ...rest })
      return name
    },
    remove: (name) => api.architectures.delete(name),
    node: 'known: name',
    newestFirst: false,
  },
]

interface Page {
  known: string[]
  cursors: string[]
  totalCount: number
  pageInfo: {
    hasNextPage: boolean
    hasPreviousPage: boolean
    startCursor: string | null
    endCursor: string | null
  }
}

async function read(list: List, args: string): Promise<Page> {
  const field = list.field(args)
  const page = `{ totalCount edges { cursor node { ${list.node} } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }`
  const data = await api.query(`{ ${field} ${page} ${field.startsWith('parent') ? '}' : ''} }`)
  const { edges, pageInfo, totalCount } = (data.parent ?? data).list
  return {
    known: edges.map((edge: { node: { known: unknown } }) => String(edge.node.known)),
    cursors: edges.map((edge: { cursor: string }) => edge.cursor),
    totalCount,
    pageInfo,
  }
}

async function refusal(list: List, args: string): Promise<string> {
  const field = list.field(args)
  const { errors } = await api.execute(`{ ${field} { totalCount } ${field.startsWith('parent') ? '}' : ''} }`)
  return `${errors?.[0]?.extensions?.code}: ${errors?.[0]?.message}`
}

for (const list of LISTS) {
  describe(`paging ${list.name}`, () => {
    beforeAll(async () => {
      for (let i = 0; i < ROWS; i++) await list.add()
    })

    test('goes on behind a row that was deleted meanwhile, neither repeating nor leaving out another', async () => {
      const all = await read(list, 'first: 100')
      const { pageInfo, ...first } = await read(list, 'first: 2')
      expect(first.known).toEqual(all.known.slice(0, 2))
      expect(first.totalCount).toBe(all.known.length)
      expect(pageInfo).toEqual({
        hasNextPage: true,
        hasPreviousPage: false,
        startCursor: all.cursors[0],
        endCursor: all.cursors[1],
      })
      await list.remove(first.known[1]!)
      const added = await list.add()
      const second = await read(list, `first: 2, after: "${pageInfo.endCursor}"`)
      expect(second.known).toEqual(all.known.slice(2, 4))
      expect(second.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true })
      const rest = await read(list, `after: "${second.pageInfo.endCursor}"`)
      expect(rest.known).toEqual([...all.known.slice(4), ...(list.newestFirst ? [] : [added])])
      expect(rest.pageInfo.hasNextPage).toBe(false)
      // And back again, from a place where nothing is any more.
      const back = await read(list, `last: 1, before: "${pageInfo.endCursor}"`)
      expect(back.known).toEqual([first.known[0]])
      expect(back.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: list.newestFirst })
    })

    test('refuses a cursor of another list, and what is none', async () => {
      const others = LISTS.filter(({ name }) => !name.startsWith(list.name.split(' ')[0]!))
      const foreign = await Promise.all(others.map(async (it) => (await read(it, 'first: 1')).cursors[0]))
      const [own] = (await read(list, 'first: 1')).cursors
      const altered = Buffer.from(`${Buffer.from(own!, 'base64url')}.5`).toString('base64url')
      for (const cursor of [...foreign, altered, `${own}=`, 'nonsense', '', global('TrainingRun', 'x')]) {
        if (cursor === undefined) continue
        expect(await refusal(list, `first: 1, after: "${cursor}"`)).toMatch(
          /^BAD_USER_INPUT: \w+: after is not a cursor of this list/,
        )
        expect(await refusal(list, `last: 1, before: "${cursor}"`)).toMatch(/^BAD_USER_INPUT/)
      }
    })
  })
}

test('the versions of one model are another list than those of another', async () => {
  const versionsOf = (name: string, args: string) =>
    `{ model(name: "${name}") { versions(${args}) { edges { cursor } } } }`
  const { model: paged } = await api.query(versionsOf('paged', 'first: 1'))
  const { errors } = await api.execute(versionsOf('asked', `after: "${paged.versions.edges[0].cursor}"`))
  expect(errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT')
})

test('sizes that are no page are refused, and both at once', async () => {
  for (const args of ['first: -1', 'last: -1', 'first: 101', 'last: 101', 'first: 3, last: 1']) {
    expect(await refusal(LISTS[0]!, args)).toMatch(/^BAD_USER_INPUT: trainingRuns: (first|last)/)
  }
})

/**
 * The page and its flags as Relay's Cursor Connections Specification computes them from all edges ("ApplyCursorsToEdges",
 * "EdgesToReturn", "HasPreviousPage", "HasNextPage"), where a page has at most 20.
 */
function asSpecified(
  all: readonly string[],
  { first, last, after, before }: { first?: number; last?: number; after?: number; before?: number },
) {
  const edges = all.slice(after === undefined ? 0 : after + 1, before)
  if (edges.length > 20) throw new Error('The default size would show.')
  return {
    known:
      first !== undefined
        ? edges.slice(0, first)
        : last === undefined
          ? edges
          : last === 0
            ? []
            : edges.slice(-last),
    hasNextPage: first !== undefined ? edges.length > first : before !== undefined && before < all.length,
    hasPreviousPage: last !== undefined ? edges.length > last : after !== undefined && after >= 0,
  }
}

for (const list of [LISTS[0]!, LISTS.at(-1)!]) {
  test(`every combination of arguments answers what Relay's specification says, of ${list.name}`, async () => {
    const { known: all, cursors } = await read(list, 'first: 100')
    const places = [undefined, 0, 1, all.length - 1]
    for (const size of [
      {},
      { first: 0 },
      { first: 2 },
      { first: 50 },
      { last: 0 },
      { last: 2 },
      { last: 50 },
    ]) {
      for (const after of places) {
        for (const before of places) {
          const named = { ...size, after, before }
          const args = Object.entries({
            ...size,
            after: after === undefined ? undefined : JSON.stringify(cursors[after]),
            before: before === undefined ? undefined : JSON.stringify(cursors[before]),
          }).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
          const { known, pageInfo } = await read(list, args.join(', ') || 'after: null')
          const { hasNextPage, hasPreviousPage } = pageInfo
          expect({ named, known, hasNextPage, hasPreviousPage }).toEqual({
            named,
            ...asSpecified(all, named),
          })
        }
      }
    }
  })
}

test('the newest version is the last one made, whatever the clock said', async () => {
  const run = await db.prisma.trainingRun.create({ data: { ...RUN_ROW, status: 'COMPLETED' } })
  const at = (hour: number) => new Date(Date.UTC(2026, 7, 1, hour))
  const rows = []
  for (const hour of [12, 10, 8]) {
    const data = {
      ...VERSION_ROW,
      modelId: model.id,
      runId: run.id,
      version: ++versions,
      createdAt: at(hour),
    }
    rows.push(await db.prisma.modelVersion.create({ data }))
  }
  expect((await api.models.resolve(null)).id).toBe(rows[2]!.id)
  expect((await api.models.resolve({ runId: run.id })).id).toBe(rows[2]!.id)
  const { trainingRun } = await api.query(
    `{ trainingRun(id: "${global('TrainingRun', run.id)}") { modelVersions { version } } }`,
  )
  expect(trainingRun.modelVersions.map(({ version }: { version: number }) => version)).toEqual(
    rows.map(({ version }) => version).reverse(),
  )
})
