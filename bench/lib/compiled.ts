/** The compiled processes that benches start, as the server does: `npm run bench` builds them first. */
const compiled = (path: string) => new URL(`../../dist/${path}`, import.meta.url)

export const SERVER = compiled('main.js')
export const TRAINER = compiled('trainer/trainer-process.js')
export const PREDICTOR = compiled('predictor/predictor-process.js')
export const FETCHER = compiled('data/fetch-process.js')
export const CLI = compiled('cli/main.js')
