import { beforeAll, describe, expect, test } from 'vitest'
import { RUN_ROW, useDatabase } from '../support/database.ts'
import { type InProcess, openInProcess } from '../support/in-process.ts'

const db = useDatabase()
let api: InProcess
beforeAll(async () => {
  api = await openInProcess(db.prisma, db.folder)
})

const global = (type: string, id: string) => Buffer.from(`${type}:${id}`).toString('base64')
const addRun = (more: object = {}) =>
  db.prisma.trainingRun.create({ data: { ...RUN_ROW, status: 'COMPLETED', ...more } })
const refusal = async (query: string) => {
  const { errors } = await api.execute(query)
  return `${errors?.[0]?.extensions?.code}: ${errors?.[0]?.message}`
}

describe('trainingRun', () => {
  test('finds a run by its number as by its id, and none where there is none', async () => {
    const { id, number } = await addRun({ name: 'found' })
    const { byId, byNumber, none, never } = await api.query(`{
      byId: trainingRun(id: "${global('TrainingRun', id)}") { name number }
      byNumber: trainingRun(number: ${number}) { name number }
      none: trainingRun(number: 2147483647) { name }
      never: trainingRun(number: -1) { name }
    }`)
    expect(byNumber).toEqual({ name: 'found', number })
    expect(byId).toEqual(byNumber)
    expect([none, never]).toEqual([null, null])
  })

  test('is asked for in one of the two ways', async () => {
    const id = global('TrainingRun', 'x')
    for (const args of [`(id: "${id}", number: 1)`, '', '(id: null)', '(id: null, number: null)']) {
      expect(await refusal(`{ trainingRun${args} { name } }`)).toBe(
        'BAD_USER_INPUT: trainingRun: id or number, and not both.',
      )
    }
    expect(await refusal(`{ trainingRun(number: 2147483648) { name } }`)).toMatch(
      /^GRAPHQL_VALIDATION_FAILED|BAD/,
    )
  })
})

describe('losses of a range', () => {
  test('refuse what is no range, and both limits at once', async () => {
    const id = global('TrainingRun', (await addRun()).id)
    const ask = (args: string) => refusal(`{ trainingRun(id: "${id}") { losses(${args}) { step } } }`)
    expect(await ask('afterStep: 10, toStep: 9')).toMatch(
      /^BAD_USER_INPUT: losses: toStep must not be below afterStep, 10, as 9 is\./,
    )
    expect(await ask('toStep: -1')).toMatch(/^BAD_USER_INPUT: losses: toStep/)
    expect(await ask('first: 0')).toMatch(/^BAD_USER_INPUT: losses: first must be from 1 to 10000, not 0/)
    expect(await ask('first: 10001')).toMatch(/^BAD_USER_INPUT: losses: first/)
    expect(await ask('first: 10, maxPoints: 10')).toBe(
      'BAD_USER_INPUT: losses: first or maxPoints, not both.',
    )
  })
})

const RENAME = `mutation ($id: ID!, $name: String, $notes: String) {
  renameTrainingRun(id: $id, name: $name, notes: $notes) {
    __typename
    ... on TrainingRun { name notes }
    ... on ValidationError { issues { path message } }
    ... on Error { message }
  }
}`

describe('renameTrainingRun', () => {
  test('changes the name, the notes or both of a run in any status', async () => {
    for (const status of ['QUEUED', 'RUNNING', 'COMPLETED', 'FAILED'] as const) {
      const id = global('TrainingRun', (await addRun({ status })).id)
      const rename = async (values: object) => (await api.query(RENAME, { id, ...values })).renameTrainingRun
      expect(await rename({ name: '  wide ' })).toMatchObject({ name: 'wide', notes: '' })
      expect(await rename({ notes: 'one\r\n\ttwo\n' })).toMatchObject({ name: 'wide', notes: 'one\n\ttwo' })
      expect(await rename({ name: 'narrow', notes: '' })).toMatchObject({ name: 'narrow', notes: '' })
      await db.prisma.trainingRun.updateMany({ data: { status: 'COMPLETED' } })
    }
  })

  test('names everything that is wrong, and changes nothing then', async () => {
    const run = await addRun({ name: 'kept' })
    const id = global('TrainingRun', run.id)
    const paths = async (values: object) => {
      const { renameTrainingRun } = await api.query(RENAME, { id, ...values })
      return renameTrainingRun.issues.map(({ path }: { path: string[] }) => path.join('.'))
    }
    expect(await paths({})).toEqual([''])
    expect(await paths({ name: null, notes: null })).toEqual([''])
    expect(await paths({ name: ' ', notes: 'NUL \0' })).toEqual(['name', 'notes'])
    expect(await paths({ name: 'new', notes: 'x'.repeat(10_001) })).toEqual(['notes'])
    expect(await paths({ name: 'new', notes: '\ud800' })).toEqual(['notes'])
    expect((await api.runs.find({ where: { id: run.id } }))?.name).toBe('kept')
    const { renameTrainingRun } = await api.query(RENAME, {
      id: global('TrainingRun', '0194a000-0000-7000-8000-000000000000'),
      name: 'nobody',
    })
    expect(renameTrainingRun).toMatchObject({ __typename: 'NotFoundError' })
  })

  test('reaches who watches all runs, and the same request to start is still the same', async () => {
    const input = { architecture: 'vgg_mini', dataset: 'cifar10', name: 'first', idempotencyKey: 'renamed' }
    const start = `mutation ($input: StartTrainingRunInput!) {
      startTrainingRun(input: $input) { __typename ... on TrainingRun { id name notes } ... on Error { message } } }`
    const { startTrainingRun: run } = await api.query(start, { input: { ...input, notes: 'why' } })
    expect(run).toMatchObject({ name: 'first', notes: 'why' })
    const changes = await api.subscribe(
      'subscription { trainingRunsChanged { name ... on TrainingRun { notes cursor } } }',
    )
    const { trainingRun: before } = await api.query(`{ trainingRun(id: "${run.id}") { cursor } }`)
    await api.query(RENAME, { id: run.id, name: 'second' })
    const { value } = await changes.next()
    expect(value.data.trainingRunsChanged).toEqual({ name: 'second', notes: 'why', cursor: before.cursor })
    await changes.return?.()
    const again = await api.query(start, { input: { ...input, notes: 'why' } })
    expect(again.startTrainingRun).toMatchObject({ id: run.id, name: 'second' })
    expect(api.runs.listenerCount).toBe(0)
  })

  test('startTrainingRun refuses notes that are none', async () => {
    const { startTrainingRun } = await api.query(
      `mutation { startTrainingRun(input: { architecture: "vgg_mini", notes: "\\u0007" }) {
        __typename ... on ValidationError { issues { path } } } }`,
    )
    expect(startTrainingRun).toEqual({ __typename: 'ValidationError', issues: [{ path: ['notes'] }] })
  })
})

describe('trainingRuns(search)', () => {
  const found = async (search: string) => {
    const { trainingRuns } = await api.query(
      `query ($search: String) { trainingRuns(search: $search, status: [CANCELLED]) { totalCount edges { node { name } } } }`,
      { search },
    )
    expect(trainingRuns.totalCount).toBe(trainingRuns.edges.length)
    return trainingRuns.edges.map(({ node }: { node: { name: string } }) => node.name).sort()
  }

  test('finds a part of the name as it is typed, and a number behind #', async () => {
    const names = ['Wide NET', 'wide_net', '100 % wider', 'back\\slash', 'Größe', 'other']
    const numbers: number[] = []
    for (const name of names) numbers.push((await addRun({ name, status: 'CANCELLED' })).number)
    expect(await found('WIDE')).toEqual(['100 % wider', 'Wide NET', 'wide_net'])
    expect(await found(' wide ')).toEqual(['100 % wider', 'Wide NET', 'wide_net'])
    expect(await found('e_n')).toEqual(['wide_net'])
    expect(await found('%')).toEqual(['100 % wider'])
    expect(await found('k\\s')).toEqual(['back\\slash'])
    expect(await found('GRÖ')).toEqual(['Größe'])
    expect(await found('gro\u0308')).toEqual(['Größe'])
    expect(await found(`#${numbers[5]}`)).toEqual(['other'])
    expect(await found('')).toHaveLength(names.length)
    for (const nobody of ['#', '#0', '#99999999999', 'no such', 'NUL \0', '\ud800', 'x'.repeat(5000)]) {
      expect(await found(nobody), nobody).toEqual([])
    }
  })
})

describe('trainingRuns(orderBy)', () => {
  const FIELDS = ['BEST_TEST_ACCURACY', 'LAST_TEST_LOSS', 'SECONDS', 'IMAGES_PER_SECOND'] as const
  const COLUMNS = ['bestTestAccuracy', 'lastTestLoss', 'seconds', 'imagesPerSecond'] as const
  const VALUES = [0.1 + 0.2, null, 0.5, 1e-300, 0.5, null, 12345.678901234567, 0]

  const read = async (order: string, args: string) => {
    const { trainingRuns } = await api.query(`{
      trainingRuns(search: "ordered", orderBy: ${order}, ${args}) {
        edges { cursor node { number name } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }`)
    return {
      numbers: trainingRuns.edges.map((edge: { node: { number: number } }) => edge.node.number),
      cursors: trainingRuns.edges.map((edge: { cursor: string }) => edge.cursor),
      ...trainingRuns.pageInfo,
    }
  }

  let rows: { number: number; value: number | null }[]
  beforeAll(async () => {
    rows = []
    for (const value of VALUES) {
      const figures = Object.fromEntries(COLUMNS.map((column) => [column, value]))
      const { number } = await addRun({ name: 'ordered', ...figures })
      rows.push({ number, value })
    }
  })

  const sorted = (sign: number) =>
    [...rows]
      .sort((one, other) => {
        if (one.value === other.value) return other.number - one.number
        if (one.value === null || other.value === null) return one.value === null ? 1 : -1
        return sign * (one.value - other.value)
      })
      .map(({ number }) => number)

  test('by each figure puts runs without it last in both directions, and the newest of equal ones first', async () => {
    for (const field of FIELDS) {
      expect((await read(`{ field: ${field} }`, 'first: 100')).numbers).toEqual(sorted(-1))
      expect((await read(`{ field: ${field}, direction: ASC }`, 'first: 100')).numbers).toEqual(sorted(1))
    }
  })

  test.each(['ASC', 'DESC'])('by a figure, %s, pages both ways from every place', async (direction) => {
    const order = `{ field: LAST_TEST_LOSS, direction: ${direction} }`
    const expected = sorted(direction === 'ASC' ? 1 : -1)
    const { cursors } = await read(order, 'first: 100')
    for (const size of [1, 3]) {
      for (let at = 0; at < expected.length; at++) {
        const behind = await read(order, `first: ${size}, after: "${cursors[at]}"`)
        expect(behind.numbers).toEqual(expected.slice(at + 1, at + 1 + size))
        expect(behind.hasNextPage).toBe(at + 1 + size < expected.length)
        expect(behind.hasPreviousPage).toBe(true)
        const ahead = await read(order, `last: ${size}, before: "${cursors[at]}"`)
        expect(ahead.numbers).toEqual(expected.slice(Math.max(0, at - size), at))
        expect(ahead.hasPreviousPage).toBe(at > size)
        expect(ahead.hasNextPage).toBe(true)
      }
    }
  })

  test('by the number goes both ways', async () => {
    const numbers = rows.map(({ number }) => number)
    expect((await read('{ field: NUMBER, direction: ASC }', 'first: 100')).numbers).toEqual(numbers)
    expect((await read('{ field: NUMBER }', 'first: 100')).numbers).toEqual(numbers.toReversed())
    const { endCursor } = await read('{ field: NUMBER, direction: ASC }', 'first: 2')
    const next = await read('{ field: NUMBER, direction: ASC }', `first: 2, after: "${endCursor}"`)
    expect(next.numbers).toEqual(numbers.slice(2, 4))
  })

  test('goes on from the place of a run that was deleted, and refuses a cursor of another order', async () => {
    const order = '{ field: SECONDS }'
    const all = await read(order, 'first: 100')
    const { id } = (await api.runs.find({ where: { number: all.numbers[2] } }))!
    await db.prisma.trainingRun.delete({ where: { id } })
    const rest = await read(order, `first: 100, after: "${all.cursors[2]}"`)
    expect(rest.numbers).toEqual(all.numbers.slice(3))
    const others = [
      '{ field: SECONDS, direction: ASC }',
      '{ field: LAST_TEST_LOSS }',
      '{ field: NUMBER }',
      'null',
    ]
    const [, name] = /^(.*):/.exec(Buffer.from(all.cursors[0], 'base64url').toString())!
    const forged = ['[1]', '["a",1]', '[1e999,1]', '[1,1.5]', '[1,2147483648]', '{}', '[ 1,1]', 'x'].map(
      (key) => Buffer.from(`${name}:${key}`).toString('base64url'),
    )
    const refused = [
      ...others.map((other) => [other, all.cursors[0]]),
      ...forged.map((cursor) => [order, cursor]),
    ]
    for (const [by, cursor] of refused) {
      expect(
        await refusal(`{ trainingRuns(orderBy: ${by}, first: 1, after: "${cursor}") { totalCount } }`),
      ).toMatch(/^BAD_USER_INPUT: trainingRuns: after is not a cursor of this list/)
    }
  })
})

describe('trainingRunsChanged', () => {
  test('tells a reader who was slow of every run that was deleted meanwhile, once, whatever came late', async () => {
    const stream = await api.subscribe(
      'subscription { trainingRunsChanged { __typename number name ... on TrainingRunDeleted { status } } }',
    )
    const runs = [await addRun({ name: 'a' }), await addRun({ name: 'b' }), await addRun({ name: 'c' })]
    for (const { id } of runs) await api.runs.rename(id, { name: 'last' })
    // Word of a change may come behind that of the end: both are on their way at once.
    const [first, second, third] = runs
    await Promise.all([api.runs.delete(first!.id), api.runs.rename(second!.id, { name: 'changed' })])
    await api.runs.delete(third!.id)
    await api.runs.delete(second!.id)
    const told = []
    for (let i = 0; i < runs.length; i++) told.push((await stream.next()).value.data.trainingRunsChanged)
    expect(told).toEqual(
      [first!, second!, third!].map(({ number }, i) => ({
        __typename: 'TrainingRunDeleted',
        number,
        name: i === 1 ? 'changed' : 'last',
        status: 'COMPLETED',
      })),
    )
    await stream.return?.()
    expect(api.runs.listenerCount).toBe(0)
  })
})
