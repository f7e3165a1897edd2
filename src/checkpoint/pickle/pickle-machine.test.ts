import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PickleProblem } from "../checkpoint-error.ts";
import { readPickle } from "./pickle-machine.ts";
import {
  type PickledGlobal,
  PickledObject,
  PickledOrderedDict,
  PickledTuple,
  type PickleValue,
} from "./pickle-values.ts";
import {
  call,
  dict,
  float,
  global,
  object,
  orderedDict,
  tuple,
  type Writable,
  writePickle,
} from "./pickle-writer.fixture.ts";

function noStorages(): never {
  throw new PickleProblem("there are no storages");
}

function read(bytes: Buffer): PickleValue {
  return readPickle(bytes, noStorages);
}

/** A pickle of protocol 2 whose opcodes are given as Latin-1 text. */
function ofOpcodes(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x80, 2]), Buffer.from(text, "latin1")]);
}

function written(value: Writable): PickleValue {
  return read(writePickle(value).bytes);
}

describe("reading a pickle", () => {
  test("gives what Python's pickle.dumps(…, 2) was given", () => {
    const value = read(
      Buffer.from(
        "gAJ9cQAoWAQAAAB0ZXh0cQFYCgAAAGdyw7xuIPCfjL9xAlgEAAAAaW50c3EDXXEEKEsAS/9NAAFN//9KAAABAEr/////SgAAAICKBQAAAIAAigf///////8figcAAAAAAADgigkAAAAAAAAAAAFLAGVYBgAAAGZsb2F0c3EFXXEGKEc/uZmZmZmZmkeAAAAAAAAAAEd/4czzhevIoEd/8AAAAAAAAEdAFAAAAAAAAGVYBAAAAG5vbmVxB05YBQAAAGJvb2xzcQiIiYZxCVgGAAAAdHVwbGVzcQooKUsBhXELSwFLAoZxDEsBSwJLA4dxDShLAUsCSwNLBHRxDnRxD1gCAAAAb2RxEGNjb2xsZWN0aW9ucwpPcmRlcmVkRGljdApxESlScRIoSwJYAQAAAGJxE0sBWAEAAABhcRR1WAMAAABzZXRxFWNfX2J1aWx0aW5fXwpzZXQKcRZdcRdYAQAAAHhxGGGFcRlScRpYBgAAAG5lc3RlZHEbfXEcaBR9cR1zWAMAAABvbmVxHn1xH0sBXXEgSwJhc1gGAAAAc2hhcmVkcSFdcSJLAWFoIoZxI3Uu",
        "base64",
      ),
    ) as Map<PickleValue, PickleValue>;
    const expected: Record<string, PickleValue> = {
      text: "grün 🌿",
      ints: [
        ...[0, 255, 256, 65535, 65536, -1, -(2 ** 31), 2 ** 31],
        ...[2 ** 53 - 1, -9007199254740992n, 2n ** 64n, 0],
      ],
      floats: [0.1, -0, 1e308, Number.POSITIVE_INFINITY, 5],
      none: null,
      bools: new PickledTuple([true, false]),
      tuples: new PickledTuple(
        [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]].map((items) => new PickledTuple(items)),
      ),
      od: new PickledOrderedDict([
        [2, "b"],
        [1, "a"],
      ]),
      set: new Set(["x"]),
      nested: new Map([["a", new Map()]]),
      one: new Map([[1, [2]]]),
      shared: new PickledTuple([[1], [1]]),
    };
    assert.deepEqual(Object.fromEntries(value), expected);
    const shared = value.get("shared") as PickledTuple;
    assert.equal(shared.items[0], shared.items[1]);
  });

  test("gives a list that holds itself", () => {
    const list = read(Buffer.from("gAJdcQAoSwFoAGUu", "base64")) as PickleValue[];
    assert.equal(list[0], 1);
    assert.equal(list[1], list);
  });

  test("gives what the writer of these tests was given", () => {
    const value = dict({ a: [float(1), tuple("x", null)], b: orderedDict(new Map([[1, true]])) });
    assert.deepEqual(
      written(value),
      new Map<PickleValue, PickleValue>([
        ["a", [1, new PickledTuple(["x", null])]],
        ["b", new PickledOrderedDict([[1, true]])],
      ]),
    );
  });

  test("reads text of Python 2 and integers without bytes", () => {
    const value = read(ofOpcodes("(U\x02a\xe9\x8a\x00t.")) as PickledTuple;
    assert.deepEqual(value.items, ["aé", 0]);
  });

  test("reads integers of any length", () => {
    for (const value of [0n, 1n, -1n, 2n ** 63n, -(2n ** 63n), 2n ** 200n + 7n, -(2n ** 200n)]) {
      for (const bytes of [7, 8, 9, 15, 16, 40]) {
        const hex = BigInt.asUintN(bytes * 8, value)
          .toString(16)
          .padStart(bytes * 2, "0");
        const little = Buffer.from(hex, "hex").reverse();
        const expected = BigInt.asIntN(bytes * 8, value);
        const read = ofOpcodes(`\x8a${String.fromCharCode(bytes)}${little.toString("latin1")}.`);
        const came = readPickle(read, noStorages);
        assert.equal(BigInt(came as bigint), expected);
        assert.equal(typeof came, Number.isSafeInteger(Number(expected)) ? "number" : "bigint");
      }
    }
  });

  test("reads text with bytes that are no text, as file names of Linux may have", () => {
    const value = read(ofOpcodes("X\x04\0\0\0a\xed\xb3\xbf.")) as string;
    assert.match(value, /^a\ufffd+$/);
  });

  test("leaves out the items of a class that is a list, and the state of an OrderedDict", () => {
    const list = written(call("collections.deque", []));
    assert.ok(list instanceof PickledObject);
    assert.ok(read(ofOpcodes("ccollections\ndeque\n)R(NNeNa.")) instanceof PickledObject);
    const ordered = read(ofOpcodes("ccollections\nOrderedDict\n)R}U\x09_metadata}sb."));
    assert.deepEqual(ordered, new PickledOrderedDict());
  });

  test("leaves out the items of a class that is a dict", () => {
    const value = read(ofOpcodes("ca\nB\n)\x81NNs(NNu."));
    assert.ok(value instanceof PickledObject);
    assert.equal(value.state.size, 0);
  });

  test("gives the items of a defaultdict", () => {
    const value = read(
      ofOpcodes("ccollections\ndefaultdict\nc__builtin__\nlist\n\x85RU\x01aK\x01s."),
    );
    assert.deepEqual(value, new Map([["a", 1]]));
  });

  test("gives 65,536 keys that are indices", () => {
    const names = new Map(Array.from({ length: 65_536 }, (_, id): [number, string] => [id, "a"]));
    assert.equal((written(names) as Map<unknown, unknown>).size, 65_536);
  });

  test("gives the numbers of numpy's scalars", () => {
    const scalar = (type: string, bytes: string) =>
      written(
        call(
          "numpy.core.multiarray.scalar",
          call("numpy.dtype", type, false, true),
          call("_codecs.encode", bytes, "latin1"),
        ),
      );
    assert.equal(scalar("i8", "\x80\x02\0\0\0\0\0\0"), 640);
    assert.equal(scalar("f8", "\0\0\0\0\0\0\xe0\x3f"), 0.5);
    assert.equal(scalar("f4", "\0\0\xc0\xbf"), -1.5);
    assert.equal(scalar("b1", "\x01"), true);
    assert.equal(scalar("u8", "\xff".repeat(8)), 2n ** 64n - 1n);
    assert.ok(scalar("i8", "\x80") instanceof PickledObject);
    assert.ok(scalar("M8", "\0".repeat(8)) instanceof PickledObject);
  });

  test("gives an object's class, arguments and state, and runs nothing of it", () => {
    const value = written(object("os.system", { command: "true" })) as PickledObject;
    assert.equal(value.className, "os.system");
    assert.deepEqual(value.args, []);
    assert.deepEqual([...value.state], [["command", "true"]]);
  });

  test("merges a dict and slots into an object's state", () => {
    const value = read(ofOpcodes("ca\nB\n)\x81}U\x01xK\x01s}U\x01yK\x02s\x86b.")) as PickledObject;
    assert.deepEqual(
      [...value.state],
      [
        ["x", 1],
        ["y", 2],
      ],
    );
  });

  test("leaves out a state that only a __setstate__ would understand", () => {
    const dtype = read(ofOpcodes("cnumpy\ndtype\nU\x02f4\x85R(K\x03NNNtb."));
    assert.ok(dtype instanceof PickledObject);
    assert.deepEqual([dtype.className, dtype.args, dtype.state.size], ["numpy.dtype", ["f4"], 0]);
  });

  test("keeps a class that is only named as its name", () => {
    const value = written(global("ultralytics.nn.modules.conv.Conv")) as PickledGlobal;
    assert.equal(value.qualifiedName, "ultralytics.nn.modules.conv.Conv");
  });

  test("gives keys like __proto__ no meaning", () => {
    const evil = dict({ polluted: true });
    const state: Record<string, Writable> = Object.fromEntries([["__proto__", evil]]);
    const value = written([object("a.B", state), new Map([["__proto__", evil]])]) as PickleValue[];
    assert.equal((value[0] as PickledObject).state.get("polluted"), undefined);
    assert.ok((value[0] as PickledObject).state.get("__proto__") instanceof Map);
    assert.equal((value[1] as Map<string, unknown>).size, 1);
    assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
  });

  const inert: readonly (readonly [string, Writable])[] = [
    ["pathlib.PosixPath", call("pathlib.PosixPath", "/", "a")],
    ["__builtin__.getattr", call("__builtin__.getattr", global("a.B"), "forward")],
    ["numpy.core.multiarray.scalar", call("numpy.core.multiarray.scalar", "f8", "x")],
    [
      "ultralytics.utils.IterableSimpleNamespace",
      call("ultralytics.utils.IterableSimpleNamespace"),
    ],
    ["torchvision.transforms.Resize", call("torchvision.transforms.Resize", 224)],
    ["torch.device", call("torch.device", "cuda", 0)],
    ["datetime.datetime", call("datetime.datetime", "x")],
    ["__builtin__.set", call("__builtin__.set", [1, 2])],
    ["__builtin__.bytes", call("__builtin__.bytes")],
    ["__builtin__.xrange", call("__builtin__.xrange", 0, 3, 1)],
    ["decimal.Decimal", call("decimal.Decimal", "0.5")],
    ["pandas.core.frame.DataFrame", call("pandas.core.frame.DataFrame", [])],
    ["greenhouse.Schedule", call("greenhouse.Schedule")],
  ];
  for (const [name, value] of inert) {
    test(`keeps a call of ${name} as a placeholder`, () => {
      const result = written(value);
      assert.ok(result instanceof PickledObject);
      assert.equal(result.className, name);
    });
  }

  test("takes a torch.Size for a tuple", () => {
    assert.deepEqual(written(call("torch.Size", tuple(1, 2))), new PickledTuple([1, 2]));
  });

  const refusals: readonly (readonly [string, string, RegExp])[] = [
    [
      "a call that is not on the list",
      "cos\nsystem\n)R.",
      /REDUCE \(0x52\) at byte 14 of `os\.system`/,
    ],
    ["a call of code", "c__builtin__\neval\nU\x011\x85R.", /`__builtin__\.eval`/],
    ["a call of a module's module", "cos.path\njoin\n)R.", /`os\.path\.join`/],
    ["a call of a placeholder", "ctorch\ndevice\n)R)R.", /REDUCE.*without a name/],
    ["an object of a placeholder", "ca\nB\n)\x81)\x81.", /NEWOBJ.*without a name/],
    [
      "an OrderedDict with arguments",
      "ccollections\nOrderedDict\nN\x85R.",
      /OrderedDict`: expected no/,
    ],
    ["a set of no list", "c__builtin__\nset\nN\x85R.", /set`: expected a list/],
    ["a size of no tuple", "ctorch\nSize\nN\x85R.", /Size`: expected a tuple/],
    ["a parameter of no tensor", "ctorch._utils\n_rebuild_parameter\nN\x85R.", /expected a tensor/],
    ["a tensor of no storage", "ctorch._utils\n_rebuild_tensor_v2\nN\x85R.", /expected a storage/],
    ["state on a list", "]}b.", /BUILD \(0x62\) at byte 4 on something/],
    ["attributes without names", "ca\nB\n)\x81}K\x01Nsb.", /BUILD.*without a name/],
    ["state on a dict", "}}b.", /BUILD \(0x62\) at byte 4 on something/],
    ["items on a list", "]NNs.", /SETITEM \(0x73\).*not a dict/],
    ["members on a tuple", ")(NNe.", /APPENDS \(0x65\).*not a list/],
    ["a name with odd characters", "cos; rm\nsystem\n.", /GLOBAL \(0x63\).*`os; rm system`/],
    ["an unknown opcode", "\xff.", /has 0xff at byte 2/],
    ["STACK_GLOBAL", "U\x01aU\x01b\x93.", /STACK_GLOBAL \(0x93\) at byte 8/],
    ["a persistent id", "NQ.", /BINPERSID \(0x51\) at byte 3: there are no storages/],
    ["protocol 4", "\x80\x04N.", /PROTO.*protocol 4/],
  ];
  for (const [name, opcodes, message] of refusals) {
    test(`refuses ${name}`, () => {
      assert.throws(() => read(ofOpcodes(opcodes)), { code: "CHECKPOINT_REFUSED", message });
    });
  }

  const damages: readonly (readonly [string, string, RegExp])[] = [
    ["no opcodes", "", /ends at byte 2/],
    ["no end", "N", /ends at byte 3/],
    ["a number cut off", "J\x01\x02", /ends at byte 5/],
    ["text cut off", "X\xff\xff\xff\xffabc.", /ends at byte/],
    ["a name without an end", "cos", /name at byte 3/],
    ["a name that is too long", `c${"a".repeat(600)}\nb\n.`, /name at byte 3/],
    ["nothing on the stack", ".", /STOP.*nothing on the stack/],
    ["too little for a tuple", "N\x86.", /TUPLE2.*too little/],
    ["nothing to remember", "q\0.", /BINPUT.*nothing/],
    ["a memo place that is empty", "h\x05.", /BINGET.*memo 5/],
    ["a memo place that is skipped", "Nq\x05.", /BINPUT.*skips memo 0/],
    ["no mark", "Nt.", /TUPLE.*no mark/],
    ["a mark left open", "N(.", /STOP.*nothing/],
    ["two values", "NN.", /leaves something over/],
    ["something after the end", "N.N", /leaves something over/],
    ["a key without a value", "}(Nu.", /SETITEMS.*without a value/],
    ["arguments that are no tuple", "ca\nB\nN\x81.", /NEWOBJ.*no tuple/],
  ];
  for (const [name, opcodes, message] of damages) {
    test(`finds ${name} damaged`, () => {
      assert.throws(() => read(ofOpcodes(opcodes)), { code: "CHECKPOINT_UNREADABLE", message });
    });
  }

  test("says in details which opcode it was and where", () => {
    assert.throws(() => read(ofOpcodes("N\x93.")), {
      details: { opcode: "STACK_GLOBAL (0x93)", offset: 3 },
    });
  });
});
