/** Made when the page is built, by vite/world.ts. */
declare module "virtual:world" {
  export interface World {
    width: number;
    height: number;
    /** By ISO 3166-1 alpha-2; land that has no code is under the name "". */
    shapes: Record<string, string>;
    dots: Record<string, [number, number]>;
  }
  const world: World;
  export default world;
}
