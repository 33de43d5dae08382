import { expect, it } from 'vitest'
import { numbersOf, sortText, viewOf } from '../../../web/runs/view.ts'

const read = (query: string) => viewOf(new URLSearchParams(query))

it('The address of the list of runs says what it shows', () => {
  expect(read('status=RUNNING,FAILED&arch=vgg_mini&q=sweep&sort=loss&cols=status,seed&sel=41,42')).toEqual({
    status: ['RUNNING', 'FAILED'],
    architecture: 'vgg_mini',
    search: 'sweep',
    sort: { by: 'loss', direction: 'ASC' },
    columns: ['status', 'seed'],
    selected: [41, 42],
  })
})

it('What an address cannot mean is passed over', () => {
  expect(read('status=DANCING&arch=&sort=toString&sel=0,-1,x,1.5,99999999999')).toEqual({
    status: [],
    architecture: null,
    search: '',
    sort: { by: 'number', direction: 'DESC' },
    columns: null,
    selected: [],
  })
})

it('An order comes back from the address that it was written into', () => {
  for (const by of ['number', 'accuracy', 'loss', 'duration', 'speed'] as const) {
    for (const direction of ['ASC', 'DESC'] as const) {
      const text = sortText({ by, direction })
      expect(read(text === null ? '' : `sort=${text}`).sort).toEqual({ by, direction })
    }
  }
})

it('Each run is compared once, and no more than can be', () => {
  expect(numbersOf('3,3,1,2', 2)).toEqual([3, 1])
})
