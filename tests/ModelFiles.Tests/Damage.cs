using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Workflows.ModelFiles.Tests;

/// <summary>Ways in which a folder is damaged or of another model, each with the code and words that it gets.</summary>
internal static class Damage
{
    private const string Damaged = "MODEL_FILES_DAMAGED", Unsupported = "MODEL_UNSUPPORTED";
    private const string Vocabulary = "MODEL_VOCABULARY_MISMATCH", Tokenizer = "TOKENIZER_INVALID";
    private const string Weights = "model.safetensors", Index = "model.safetensors.index.json";
    private const string UpProjection = "model.layers.1.mlp.up_proj.weight";

    /// <summary>A change before the folder is written, one after, and the answer that is wanted.</summary>
    public sealed record Case(
        string Code, string Words, Action<ModelMaker>? Before = null, Action<ModelMaker>? After = null, int Shards = 0);

    public static IReadOnlyDictionary<string, Case> All { get; } = OfConfig().Concat(OfHeaders()).Concat(OfTensors())
        .Concat(OfValues()).Concat(OfShards()).Concat(OfTokenizer()).Concat(OfTemplates())
        .Concat(OfFileKinds()).ToDictionary();

    public static void MakePipe(string path)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Pipes in the file system are made with mkfifo here: Linux only.");
        File.Delete(path);
        using var process = Process.Start("mkfifo", path);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private static void MakeDevice(string path)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The device that stands for others is /dev/zero: Linux only.");
        File.Delete(path);
        File.CreateSymbolicLink(path, "/dev/zero");
    }

    private static Case Config(string key, string? value, string words, string code = Damaged) =>
        new(code, words, maker => maker.Text[key] = value is null ? null : JsonNode.Parse(value));

    private static Dictionary<string, Case> OfConfig() => new()
    {
        ["config: absent"] = new(Damaged, "no such file", After: maker => File.Delete(maker.PathOf("config.json"))),
        ["config: cut"] = new(Damaged, "not JSON", After: maker => File.WriteAllText(maker.PathOf("config.json"), "{")),
        ["config: list"] = new(
            Damaged, "not a JSON object", After: maker => File.WriteAllText(maker.PathOf("config.json"), "[]")),
        ["config: key twice"] = new(
            Damaged, "model_type", After: maker => File.WriteAllText(
                maker.PathOf("config.json"), """{"model_type": "gemma3_text", "model_type": "gemma3_text"}""")),
        ["config: too large"] = new(
            Damaged, "1048576 at most", After: maker => File.WriteAllText(
                maker.PathOf("config.json"), new string(' ', 1 << 20) + maker.Config.ToJsonString())),
        ["config: gemma2"] = Config(
            "model_type", "\"gemma2\"", "model_type is 'gemma2', wanted gemma3_text", Unsupported),
        ["config: gemma2 around a text part"] = new(
            Unsupported, "model_type is 'gemma2'", maker =>
            {
                var text = maker.Config.DeepClone();
                maker.Config["text_config"] = text;
                maker.Config["model_type"] = "gemma2";
            }),
        ["config: no model_type"] = Config("model_type", null, "no model_type"),
        ["config: model_type a number"] = Config("model_type", "3", "model_type is 3, wanted a text"),
        ["config: quantized"] = Config(
            "quantization_config", """{"quant_method": "bitsandbytes"}""", "quantization_config", Unsupported),
        ["config: soft-capping"] = Config("final_logit_softcapping", "30.0", "final_logit_softcapping", Unsupported),
        ["config: other activation"] = Config("hidden_activation", "\"silu\"", "hidden_activation", Unsupported),
        ["config: bidirectional"] = Config(
            "use_bidirectional_attention", "true", "use_bidirectional_attention", Unsupported),
        ["config: no width"] = Config("hidden_size", "0", "hidden_size is 0, wanted 1 to"),
        ["config: absurd width"] = Config("hidden_size", "2147483647", "hidden_size is 2147483647, wanted 1 to"),
        ["config: width a text"] = Config("hidden_size", "\"wide\"", "hidden_size is \"wide\", wanted a whole number"),
        ["config: odd head"] = Config("head_dim", "31", "head_dim is 31, wanted an even number"),
        ["config: no head width"] = Config("head_dim", "0", "head_dim is 0"),
        ["config: no layers"] = Config("num_hidden_layers", "0", "num_hidden_layers is 0, wanted 1 to"),
        ["config: a million layers"] = Config("num_hidden_layers", "1000000", "num_hidden_layers is 1000000"),
        ["config: other number of layers"] = Config("num_hidden_layers", "1", "'model.layers.1."),
        ["config: epsilon 0"] = Config("rms_norm_eps", "0", "rms_norm_eps is 0"),
        ["config: epsilon 1e300"] = Config("rms_norm_eps", "1e300", "rms_norm_eps is 1E+300"),
        ["config: 3 key-value heads"] = Config(
            "num_key_value_heads", "3", "num_key_value_heads is 3, wanted a divisor"),
        ["config: more key-value heads"] = Config("num_key_value_heads", "8", "num_key_value_heads is 8"),
        ["config: unknown scaling"] = Config(
            "rope_scaling", """{"rope_type": "yarn", "factor": 2}""", "rope_type is 'yarn'", Unsupported),
        ["config: older name of unknown scaling"] = Config(
            "rope_scaling", """{"type": "dynamic", "factor": 2}""", "rope_type is 'dynamic'", Unsupported),
        ["config: scaling without factor"] = Config("rope_scaling", """{"rope_type": "linear"}""", "no factor"),
        ["config: parameters of no kind of layer"] = Config(
            "rope_parameters", """{"rope_type": "default"}""", "rope_parameters has no full_attention"),
        ["config: layer types too few"] = Config("layer_types", """["full_attention"]""", "layer_types has 1 entries"),
        ["config: layer types a text"] = Config("layer_types", "\"full_attention\"", "layer_types"),
        ["config: pattern 0"] = Config("sliding_window_pattern", "0", "sliding_window_pattern is 0"),
        ["config: no positions"] = Config("max_position_embeddings", "0", "max_position_embeddings is 0"),
        ["config: tensor too large"] = new(
            Unsupported, "elements",
            maker => (maker.Text["hidden_size"], maker.Text["vocab_size"]) = (130_000, 100_000)),
        ["config: end token without a row"] = Config(
            "eos_token_id", "[1, 99999]", "eos_token_id has 99999", Vocabulary),
        ["config: begin token without a row"] = Config("bos_token_id", "99999", "bos_token_id has 99999", Vocabulary),
        ["config: end token a text"] = Config("eos_token_id", "[1, \"two\"]", "eos_token_id"),
        ["generation: end token without a row"] = new(
            Vocabulary, "eos_token_id has 99999", After: maker => File.WriteAllText(
                maker.PathOf("generation_config.json"), """{"eos_token_id": [1, 99999]}""")),
        ["generation: cut"] = new(
            Damaged, "generation_config.json", After: maker => File.WriteAllText(
                maker.PathOf("generation_config.json"), "{\"eos")),
    };

    private static Case Header(string words, Func<JsonObject, string> change, string code = Damaged) =>
        new(code, words, After: maker => maker.ReplaceHeader(change(maker.ReadHeader())));

    private static Case Place(string words, long begin, long end) => Header(words, header =>
    {
        header[UpProjection]!["data_offsets"] = new JsonArray(begin, end);
        return header.ToJsonString();
    });

    private static Dictionary<string, Case> OfHeaders() => new()
    {
        ["weights: absent"] = new(Damaged, "no such file", After: maker => File.Delete(maker.PathOf(Weights))),
        ["weights: a page"] = new(
            Damaged, "not safetensors", After: maker => File.WriteAllText(maker.PathOf(Weights), "<html>404</html>")),
        ["weights: cut"] = new(Damaged, "its header describes", After: maker =>
        {
            using var file = File.OpenWrite(maker.PathOf(Weights));
            file.SetLength(file.Length - 5);
        }),
        ["weights: 7 bytes"] = new(
            Damaged, "too short", After: maker => File.WriteAllBytes(maker.PathOf(Weights), new byte[7])),
        ["weights: header beyond the limit"] = new(Damaged, "100000001 bytes, wanted 100000000", After: maker =>
        {
            using var file = File.OpenWrite(maker.PathOf(Weights));
            file.Write(BitConverter.GetBytes(100_000_001UL));
            file.SetLength(200_000_000);
        }),
        ["weights: header of 2^63 bytes"] = new(Damaged, "does not fit", After: maker =>
        {
            using var file = File.OpenWrite(maker.PathOf(Weights));
            file.Write(BitConverter.GetBytes(1UL << 63));
        }),
        ["weights: header a list"] = Header("not a JSON object", _ => "[]"),
        ["weights: tensor twice"] = Header(
            $"'{UpProjection}' occurs twice", header => header.ToJsonString().Replace(
                "model.layers.0.mlp.up_proj.weight", UpProjection, StringComparison.Ordinal)),
        ["weights: overlap"] = Place("needs 256 bytes", 0, 255),
        ["weights: overlap of right size"] = Place("overlaps", 0, 256),
        ["weights: negative place"] = Place("its offsets -256 to 0", -256, 0),
        ["weights: far place"] = Place("leaves a hole", 1_000_000, 1_000_256),
        ["weights: no place"] = Header($"'{UpProjection}' has a malformed", header =>
        {
            header[UpProjection]!.AsObject().Remove("data_offsets");
            return header.ToJsonString();
        }),
        ["weights: unknown type"] = Header("unknown type 'F4'", header =>
        {
            header[UpProjection]!["dtype"] = "F4";
            return header.ToJsonString();
        }, Unsupported),
    };

    private static Case Typed(string type) => new(
        Unsupported, $"tensor '{UpProjection}' is {type}[16, 8], wanted F32, BF16 or F16",
        maker => maker.Tensors[UpProjection] = (type, [16, 8]));

    private static Dictionary<string, Case> OfTensors() => new()
    {
        ["tensors: U8"] = Typed("U8"),
        ["tensors: I8"] = Typed("I8"),
        ["tensors: F8"] = Typed("F8_E4M3"),
        ["tensors: F64"] = Typed("F64"),
        ["tensors: packed in half the rows"] = new(
            Unsupported, "U8[8, 8]", maker => maker.Tensors[UpProjection] = ("U8", [8, 8])),
        ["tensors: missing"] = new(
            Damaged, $"tensor '{UpProjection}' [16, 8] is missing", maker => maker.Tensors.Remove(UpProjection)),
        ["tensors: turned"] = new(
            Damaged, $"'{UpProjection}' is [8, 16], wanted [16, 8]",
            maker => maker.Tensors[UpProjection] = ("BF16", [8, 16])),
        ["tensors: a layer more"] = new(
            Damaged, "'model.layers.2.mlp.up_proj.weight' is none of the model",
            maker => maker.Tensors["model.layers.2.mlp.up_proj.weight"] = ("BF16", [16, 8])),
        ["tensors: scales of a quantized one"] = new(
            Damaged, "up_proj.weight_scale' is none",
            maker => maker.Tensors["model.layers.1.mlp.up_proj.weight_scale"] = ("F32", [16])),
        ["tensors: other names"] = new(Damaged, "no embed_tokens.weight under", maker =>
        {
            maker.Tensors["transformer.embed_tokens.weight"] = maker.Tensors["model.embed_tokens.weight"];
            maker.Tensors.Remove("model.embed_tokens.weight");
        }),
        ["tensors: output matrix of its own"] = new(
            Unsupported, "'lm_head.weight' differs from the embedding",
            maker => maker.Tensors["lm_head.weight"] = ("BF16", [maker.TokenCount, 8])),
        ["tensors: output matrix of another type"] = new(
            Unsupported, "'lm_head.weight' is F32",
            maker => maker.Tensors["lm_head.weight"] = ("F32", [maker.TokenCount, 8])),
    };

    private static Case Value(string words, string tensor, string type, byte[] bytes, int element = 0) => new(
        Damaged, words, maker => maker.Tensors[tensor] = (type, maker.Tensors[tensor].Shape),
        maker => maker.WriteTensor(tensor, element, bytes));

    private static Dictionary<string, Case> OfValues() => new()
    {
        ["values: BF16 NaN"] = Value(
            $"tensor '{UpProjection}' BF16[16, 8] holds NaN at [2, 3]", UpProjection, "BF16", [0xC0, 0x7F], 19),
        ["values: the last element"] = Value("holds NaN at [15, 7]", UpProjection, "BF16", [0xFF, 0xFF], 127),
        ["values: BF16 infinity"] = Value("holds infinity at [0, 0]", UpProjection, "BF16", [0x80, 0x7F]),
        ["values: F16 minus infinity"] = Value("minus infinity at [0, 1]", UpProjection, "F16", [0x00, 0xFC], 1),
        ["values: F32 NaN"] = Value("holds NaN at [0, 2]", UpProjection, "F32", [1, 0, 0x80, 0x7F], 2),
        ["values: a norm"] = Value("'model.norm.weight'", "model.norm.weight", "BF16", [0x80, 0xFF], 7),
        ["values: beyond the first piece"] = new(
            Damaged, "holds NaN at [160000, 1]", maker =>
            {
                maker.Text["vocab_size"] = 200_000;
                maker.Tensors[Gemma3Tensors.Embedding] = ("BF16", [200_000, 8]);
            },
            maker => maker.WriteTensor(Gemma3Tensors.Embedding, (160_000 * 8) + 1, [0xC0, 0x7F])),
        ["values: embedding of zeros"] = new(
            Damaged, "holds zeros alone", After: maker => maker.WriteTensor(
                Gemma3Tensors.Embedding, 0, new byte[maker.TokenCount * 8 * 2])),
        ["values: a hole of an unfinished download"] = new(
            Damaged, $"tensor '{UpProjection}' BF16[16, 8] holds zeros alone",
            After: maker => maker.WriteTensor(UpProjection, 0, new byte[16 * 8 * 2])),
        ["values: zeros with a sign"] = new(
            Damaged, "holds zeros alone", After: maker => maker.WriteTensor(
                UpProjection, 0, [.. Enumerable.Repeat<byte[]>([0x00, 0x80], 16 * 8).SelectMany(each => each)])),
    };

    private static Case Map(string words, string json) =>
        new(Damaged, words, After: maker => File.WriteAllText(maker.PathOf(Index), json), Shards: 2);

    private static Dictionary<string, Case> OfShards() => new()
    {
        ["shards: one absent"] = new(
            Damaged, "no such file", After: maker => File.Delete(maker.PathOf("model-00002-of-00002.safetensors")),
            Shards: 2),
        ["shards: one cut"] = new(Damaged, "its header describes", After: maker =>
        {
            using var file = File.OpenWrite(maker.PathOf("model-00001-of-00002.safetensors"));
            file.SetLength(file.Length - 1);
        }, Shards: 2),
        ["shards: one in the other's place"] = new(Damaged, "the index places it here", After: maker => File.Copy(
            maker.PathOf("model-00001-of-00002.safetensors"), maker.PathOf("model-00002-of-00002.safetensors"), true),
            Shards: 2),
        ["shards: index without a map"] = Map("no weight_map", "{}"),
        ["shards: index of another folder"] = Map("not a file of this folder", """{"weight_map": {"a": "../x"}}"""),
        ["shards: index of the folder itself"] = Map("not a file of this folder", """{"weight_map": {"a": ".."}}"""),
        ["shards: index of a number"] = Map("not a file of this folder", """{"weight_map": {"a": 5}}"""),
        ["shards: index with a tensor twice"] = Map(
            "'model.norm.weight' occurs twice", """
            {"weight_map": {"model.norm.weight": "model-00001-of-00002.safetensors",
             "model.norm.weight": "model-00002-of-00002.safetensors"}}
            """),
    };

    private static Case Tokens(string words, Action<ModelMaker> change, string code = Tokenizer) =>
        new(code, words, change);

    private static Dictionary<string, Case> OfTokenizer() => new()
    {
        ["tokenizer: absent"] = new(
            Damaged, "no such file", After: maker => File.Delete(maker.PathOf("tokenizer.json"))),
        ["tokenizer: cut"] = new(
            Tokenizer, "not a tokenizer.json", After: maker => File.WriteAllText(maker.PathOf("tokenizer.json"), "{")),
        ["tokenizer: added tokens with one id"] = Tokens(
            "have one id", maker => maker.Tokenizer["added_tokens"]!.AsArray().Add(
                ModelMaker.Added(maker.TokenCount, "<other>", true))),
        ["tokenizer: one id for every token"] = Tokens("have one id", maker =>
        {
            var vocabulary = maker.Tokenizer["model"]!["vocab"]!.AsObject();
            foreach (var name in vocabulary.Select(entry => entry.Key).ToArray())
            {
                vocabulary[name] = 5;
            }
        }),
        ["tokenizer: added token twice"] = Tokens(
            "twice", maker => maker.Tokenizer["added_tokens"]!.AsArray().Add(
                ModelMaker.Added(maker.TokenCount + 1, ModelMaker.ImageToken, true))),
        ["tokenizer: end of a turn without a row"] = Tokens(
            "token '<end_of_turn>' has id 5000", maker => Move(maker, "<end_of_turn>", 5000), Vocabulary),
        ["tokenizer: byte without a row"] = Tokens(
            "token '<0x41>' has id 5000", maker => Move(maker, "<0x41>", 5000), Vocabulary),
        ["tokenizer: merged token without a row"] = Tokens("has id 5000", maker =>
        {
            var merge = maker.Tokenizer["model"]!["merges"]![0]!.AsArray();
            Move(maker, string.Concat(merge.Select(part => $"{part}")), 5000);
        }, Vocabulary),
        ["tokenizer: of a larger vocabulary"] = new(
            Vocabulary, "vocab_size", maker =>
            {
                maker.Text["vocab_size"] = maker.TokenCount - 1;
                maker.Tensors["model.embed_tokens.weight"] = ("BF16", [maker.TokenCount - 1, 8]);
            }),
    };

    private static Case Written(string file, string content, string words) =>
        new(Damaged, words, After: maker => File.WriteAllText(maker.PathOf(file), content));

    private static Dictionary<string, Case> OfTemplates() => new()
    {
        ["template: tokenizer_config a list"] = Written("tokenizer_config.json", "[]", "not a JSON object"),
        ["template: a number"] = Written(
            "tokenizer_config.json", """{"chat_template": 5}""", "chat_template is neither"),
        ["template: list of texts"] = Written("chat_template.json", """{"chat_template": ["x"]}""", "is neither"),
        ["template: damaged behind another"] = new(Damaged, "tokenizer_config.json", After: maker =>
        {
            File.WriteAllText(maker.PathOf("chat_template.jinja"), "<start_of_turn>");
            File.WriteAllText(maker.PathOf("tokenizer_config.json"), "{");
        }),
    };

    private static Dictionary<string, Case> OfFileKinds()
    {
        var cases = new Dictionary<string, Case>();
        foreach (var file in (string[])
        [
            "config.json", "tokenizer.json", Weights, "generation_config.json", "tokenizer_config.json",
            "chat_template.json", "chat_template.jinja", "tokenizer.model",
        ])
        {
            cases[$"{file}: a pipe"] = new(Damaged, "not a regular file", After: maker => MakePipe(maker.PathOf(file)));
            cases[$"{file}: a device"] = new(
                Damaged, "not a regular file", After: maker => MakeDevice(maker.PathOf(file)));
        }

        cases["index: a pipe"] = new(
            Damaged, "not a regular file", After: maker => MakePipe(maker.PathOf(Index)), Shards: 2);
        return cases;
    }

    private static void Move(ModelMaker maker, string token, int id)
    {
        maker.Tokenizer["model"]!["vocab"]![token] = id;
        var added = maker.Tokenizer["added_tokens"]!.AsArray();
        foreach (var entry in added.Where(entry => $"{entry!["content"]}" == token))
        {
            entry!["id"] = id;
        }
    }
}
