/** The bench: tools for the group that is shown. A new tool is one module and one line in TOOLS. */

import { compare } from "./compare.js";
import { drawer } from "./drawer.js";
import { fork } from "./fork.js";
import { formula } from "./formula.js";
import { microscope } from "./microscope.js";
import { whatIf } from "./whatif.js";

const TOOLS = [formula, whatIf, microscope, compare, fork];

/** The bench panel. */
export const bench = drawer(TOOLS);
