import './scalars.ts'
import './errors.ts'
import './architecture.ts'
import './architecture-roots.ts'
import './architecture-plan.ts'
import './dataset.ts'
import './training-run-roots.ts'
import './compare-runs.ts'
import './model-roots.ts'
import './import-model.ts'
import './evaluate-model.ts'
import './prediction.ts'
import './system.ts'
import { builder } from './builder.ts'

/** The executable schema: types and resolvers, without the services behind them, which each request's context brings. */
export const schema = builder.toSchema()
