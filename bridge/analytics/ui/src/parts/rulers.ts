/** Lines that somebody has drawn across each plot: a limit, a goal. */
export interface Ruler {
  value: number;
  name: string;
  /** A CSS colour, tokens included. */
  ink: string;
  width: number;
}

export const rulers: { all: Ruler[] } = { all: [] };
