import { expect, test } from "vitest";
import { readOptions } from "./options";

test("an address of Moesif's embedded view is read by its own names", () => {
  const found = readOptions("?embed=true&hide_header=true&show_daterange=true&primary_color=%2300876c&color_array=%23ff0000,%2300ff00&time_zone=Europe/Berlin&hide_chart_legend=true&hide_chart_axis_label=true&show_company_filters=true");
  expect(found).toMatchObject({ embed: true, hideHeader: true, showDates: true, hideLegend: true, hideAxisLabels: true, zone: "Europe/Berlin", filters: ["company"] });
  expect(Object.keys(found.colours)).toEqual(expect.arrayContaining(["--accent", "--accent-text", "--cat-1", "--cat-2"]));
  expect(found.colours).not.toHaveProperty("--cat-3");
});

test("what is off, absent or no such thing changes nothing", () => {
  const found = readOptions("?embed=false&hide_header=0&primary_color=expression(1)&color_array=,red&time_zone=Mars/Base&theme=pink");
  expect(found).toEqual({ ...readOptions(""), zone: null });
});

test("lines belong together by their order, and what is no number is no line", () => {
  const { rulers } = readOptions("?drawing[value]=250&drawing[name]=limit&drawing[borderColor]=%23ff0000&drawing[value]=x&drawing[name]=bad&drawing[value]=1e3&drawing[name]=goal&drawing[borderWidth]=1&drawing[borderWidth]=1&drawing[borderWidth]=99");
  expect(rulers).toEqual([{ value: 250, name: "limit", ink: "#ff0000", width: 1 }, { value: 1000, name: "goal", ink: "var(--text-2)", width: 4 }]);
});

test("what the workspace was made with holds where the address says nothing", () => {
  const kept = { hide_header: true, primary_color: "#00876c", color_array: ["#f00", "#0f0"], hide_chart_legend: false, time_zone: "Asia/Tokyo" };
  expect(readOptions("?hide_header=false&time_zone=UTC", kept)).toMatchObject({ hideHeader: false, hideLegend: false, zone: "UTC" });
  expect(Object.keys(readOptions("", kept).colours)).toEqual(expect.arrayContaining(["--accent", "--cat-1", "--cat-2"]));
});
