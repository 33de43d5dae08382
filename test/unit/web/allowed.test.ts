import { expect, test } from 'vitest'
import { LIFECYCLE, STATUSES } from '../../../src/runs/model/status.ts'
import { ALLOWED } from '../../../web/run/allowed.ts'

const OFFERED = Object.keys(ALLOWED) as (keyof typeof ALLOWED)[]

test.each(OFFERED)(
  'pages offer %s in the statuses in which the server does it, and in no others',
  (control) => {
    const done = STATUSES.filter((status) => LIFECYCLE[status][control] !== null)
    expect([...ALLOWED[control]].sort()).toEqual([...done].sort())
  },
)
