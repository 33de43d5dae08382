import { describe, expect, test } from 'vitest'
import { personOf } from '../../../src/access/openid/person.ts'
import type { RoleRule } from '../../../src/access/openid/settings.ts'

const ROLES: RoleRule[] = [
  { value: 'lab', role: 'OPERATOR' },
  { value: 'zoo-admins', role: 'ADMIN' },
]
const SETTINGS = { issuer: 'https://sso.example.org/realms/lab/', rolesClaim: 'groups', roles: ROLES }
const ANYONE = { ...SETTINGS, roles: [...ROLES, { value: '*', role: 'VIEWER' as const }] }

const roleOf = (groups: unknown, settings = SETTINGS) =>
  personOf({ sub: '1', groups }, settings)?.role ?? null

describe('the person that claims are of', () => {
  test('has the highest role that a value of the claim gives', () => {
    expect(roleOf(['staff', 'lab'])).toBe('OPERATOR')
    expect(roleOf(['zoo-admins', 'lab'])).toBe('ADMIN')
    expect(roleOf('lab')).toBe('OPERATOR')
    expect(roleOf([], ANYONE)).toBe('VIEWER')
    expect(roleOf(['lab'], ANYONE)).toBe('OPERATOR')
  })

  test('is nobody without such a value, however the claim is made', () => {
    for (const claim of [
      undefined,
      null,
      '',
      [],
      'LAB',
      'lab,zoo-admins',
      ['*'],
      { lab: true },
      [['lab']],
      1,
    ])
      expect(roleOf(claim)).toBe(null)
    expect(roleOf(undefined, ANYONE)).toBe('VIEWER')
  })

  test('is known by subject and issuer, and called by what can be a name', () => {
    const called = (claims: object) => personOf({ sub: '5f3a', groups: 'lab', ...claims }, SETTINGS)
    expect(called({ name: ' Ada ', email: 'ada@example.org' })).toEqual({
      ownerId: '5f3a@sso.example.org/realms/lab',
      name: 'Ada',
      role: 'OPERATOR',
    })
    expect(called({ name: '\u202e', preferred_username: 'ada', email: 'x' })?.name).toBe('ada')
    expect(called({ name: 1, email: 'ada@example.org' })?.name).toBe('ada@example.org')
    expect(called({})?.name).toBe('5f3a')
    for (const sub of [undefined, '', 1, 'é', 'x'.repeat(256), 'a\n'])
      expect(() => called({ sub })).toThrow('The claim "sub" is no subject.')
  })
})
