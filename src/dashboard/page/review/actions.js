/** What keys do on the photo under review. Those without a name belong to the one before. */

const arrows = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
const digits = "123456789".split("");

/** The actions of {@link listenToKeys}: `{ keys, shown, name, run }`. */
export function editorActions({ desk, edits, acts, say }) {
  /** Only where something is chosen that may be changed. */
  const onChosen = (run) => () => {
    if (!acts.canChange) return say("You may look, not correct.");
    if (desk.chosen === undefined) return say("Choose an object first, with j or k.");
    return run();
  };
  const onObject = (run) => (event) => {
    const { chosen } = desk;
    // Else the arrows move the photo.
    if (!acts.canChange || !chosen || chosen.kind === "region" || chosen.mine.isRemoved)
      return false;
    return run(event);
  };
  const ifAllowed = (run) => () => (acts.canChange ? run() : say("You may look, not correct."));
  const showStep = (key, name) => {
    if (key === undefined) return say(`There is nothing to ${name}.`);
    desk.choose(key);
    say(`${name === "undo" ? "Undone" : "Done again"}. ${desk.describe()}`);
  };
  const classes = digits.map((_, i) => () => desk.setClassAt(i));
  return [
    { keys: ["j"], name: "the next object", run: () => desk.step(1) },
    { keys: ["k"], name: "the previous object", run: () => desk.step(-1) },
    { keys: ["r"], name: "the next region", run: () => desk.step(1, "region") },
    {
      keys: ["x", "Delete"],
      name: "remove what is chosen (of a region: it is wrong), or put it back",
      run: onChosen(() => desk.toggleRemoved()),
    },
    {
      keys: ["a"],
      name: "add an object: under the pointer, or in the middle",
      run: ifAllowed(() => desk.add()),
    },
    {
      keys: ["b"],
      name: "draw boxes with the pointer, or stop",
      run: ifAllowed(() => desk.toggleDrawing()),
    },
    {
      keys: Object.keys(arrows),
      name: "move the chosen object; held down, faster",
      run: onObject((event) =>
        desk.nudge(arrows[event.key], { isResize: false, isRepeat: event.repeat }),
      ),
    },
    {
      keys: Object.keys(arrows).map((key) => `Shift+${key}`),
      shown: ["Shift", "arrows"],
      name: "resize it by its lower right corner",
      run: onObject((event) =>
        desk.nudge(arrows[event.key], { isResize: true, isRepeat: event.repeat }),
      ),
    },
    ...digits.map((key, i) => ({
      keys: [key],
      shown: ["1", "…", "9"],
      name: i === 0 && "the class of what is chosen, or of new boxes",
      run: ifAllowed(classes[i]),
    })),
    { keys: ["c"], name: "choose among all classes", run: ifAllowed(() => acts.focusClass()) },
    { keys: ["u", "Ctrl+z"], name: "undo", run: () => showStep(edits.undo(), "undo") },
    {
      keys: ["y", "Ctrl+y", "Ctrl+Shift+z"],
      shown: ["y", "Ctrl+y"],
      name: "redo",
      run: () => showStep(edits.redo(), "redo"),
    },
    {
      keys: ["m"],
      name: "the photo is right now: mark it as reviewed, and go on",
      run: () => acts.setReviewed(true),
    },
    { keys: ["n"], name: "the next photo", run: () => acts.step(1) },
    { keys: ["p"], name: "the previous photo", run: () => acts.step(-1) },
    { keys: ["z"], name: "zoom to what is chosen", run: () => desk.zoomToChosen() },
    { keys: ["+"], name: "zoom in", run: () => desk.view.zoom(1.5) },
    { keys: ["-"], name: "zoom out", run: () => desk.view.zoom(1 / 1.5) },
    { keys: ["0"], name: "show all of the photo", run: () => desk.view.showAll() },
    { keys: ["h"], name: "hide the boxes, or show them", run: () => desk.toggleHidden() },
    {
      keys: ["t"],
      name: "show what scored below the threshold; x makes it count",
      run: () => desk.toggleCandidates(),
    },
    {
      keys: ["Escape"],
      name: "stop drawing, choose nothing, then back to the list",
      run() {
        if (desk.isDrawing) desk.toggleDrawing(false);
        else if (desk.chosen) desk.choose(undefined);
        else acts.leave();
      },
    },
    { keys: ["?"], name: "this list", run: () => acts.showKeys() },
  ];
}
