import { describe, expect, it } from 'vitest'
import { Refusal } from '../../../web/live/refusal.ts'
import { addressOf, EMPTY_DRAFT, readDraft, toAddress, toInput } from '../../../web/networks/draft.ts'

describe('a network that is typed', () => {
  it('is in the address as far as it differs from an empty one, and comes back from there', () => {
    const draft = {
      ...EMPTY_DRAFT,
      features: '64,64:lrn,M',
      head: 'pooled',
      hidden: '128, 64',
      batchNorm: '1',
    }
    const said = Object.entries(toAddress(draft)).filter(([, value]) => value !== null)
    expect(said.map(([name]) => name).sort()).toEqual(['batchNorm', 'features', 'head', 'hidden'])
    expect(readDraft(new URLSearchParams(said as [string, string][]))).toEqual(draft)
  })

  it('becomes the input of the API', () => {
    expect(
      toInput({ ...EMPTY_DRAFT, name: 'mine', size: '48, 32', hidden: '128,64', dropout: '0.25' }),
    ).toEqual({
      name: 'mine',
      title: null,
      features: EMPTY_DRAFT.features,
      batchNorm: false,
      inputSize: [48, 32],
      classes: 10,
      head: { flat: { hidden: [128, 64], dropout: 0.25 } },
    })
    expect(toInput({ ...EMPTY_DRAFT, head: 'pooled', pool: '2' }).head).toEqual({
      pooled: { hidden: [], dropout: 0, size: 2 },
    })
  })

  it.each([
    [{ size: '32, x' }, ['inputSize']],
    [{ classes: '' }, ['classes']],
    [{ classes: '2.5' }, ['classes']],
    [{ classes: '3000000000' }, ['classes']],
    [{ hidden: '128,,64' }, ['head', 'flat', 'hidden']],
    [{ dropout: 'half' }, ['head', 'flat', 'dropout']],
    [{ head: 'pooled', pool: '' }, ['head', 'pooled', 'size']],
  ])('says of %j which value is no number', (wrong, path) => {
    const read = () => toInput({ ...EMPTY_DRAFT, ...wrong })
    expect(read).toThrow(Refusal)
    try {
      read()
    } catch (error) {
      expect((error as Refusal).issues.map((issue) => issue.path)).toEqual([path])
    }
  })

  it('begins like a network that there is: its head is read from its layers', () => {
    const like = addressOf({
      features: '64,M',
      batchNorm: true,
      inputShape: [32, 32, 3],
      classes: 10,
      layers: [
        { kind: 'CONV', units: 64, outputShape: [32, 32, 64] },
        { kind: 'ADAPTIVE_AVG_POOL', units: null, outputShape: [7, 7, 64] },
        { kind: 'DENSE', units: 512, outputShape: [512] },
        { kind: 'DROPOUT', units: null, outputShape: [512] },
        { kind: 'DENSE', units: 10, outputShape: [10] },
      ],
    })
    expect(toInput(readDraft(new URLSearchParams(like)))).toMatchObject({
      features: '64,M',
      batchNorm: true,
      head: { pooled: { size: 7, hidden: [512], dropout: 0.5 } },
    })
  })
})
