using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Translation.Tokenization;

namespace Workflows.ModelFiles.Tests;

/// <summary>
/// Makes small model folders with random weights and every trait of the published Gemma 3 ones. A test changes parts of
/// one, or files of the folder once it is written.
/// </summary>
internal sealed class ModelMaker : IDisposable
{
    public const string ImageToken = "<image_soft_token>";

    private static readonly string[] Sentences =
        ["나는 학교에 갑니다.", "I go to school.", "Translate Korean to English: 안녕하세요", "I take bus number 7."];

    private static readonly Lazy<string> Trained = new(Train);

    private readonly Random _random = new(7);

    private ModelMaker(JsonObject config, JsonObject text)
    {
        (Config, Text) = (config, text);
        Tokenizer = JsonNode.Parse(Trained.Value)!.AsObject();
        TokenCount = Tokenizer["model"]!["vocab"]!.AsObject().Count;
        Tokenizer["added_tokens"]!.AsArray().Add(Added(TokenCount, ImageToken, true));
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("model").FullName;

    /// <summary>config.json.</summary>
    public JsonObject Config { get; }

    /// <summary>The text model's part of it.</summary>
    public JsonObject Text { get; }

    /// <summary>tokenizer.json.</summary>
    public JsonObject Tokenizer { get; }

    /// <summary>Tokens without the image's, which is the number of rows of a text-only checkpoint.</summary>
    public int TokenCount { get; }

    /// <summary>Weights by stored name.</summary>
    public SortedDictionary<string, (string Type, int[] Shape)> Tensors { get; } = new(StringComparer.Ordinal);

    /// <summary>As 1B is published: a pattern in place of layer types, nulls, several end tokens, BF16.</summary>
    public static ModelMaker OneBillion()
    {
        var config = new JsonObject
        {
            ["architectures"] = new JsonArray("Gemma3ForCausalLM"),
            ["model_type"] = "gemma3_text",
            ["attn_logit_softcapping"] = null,
            ["final_logit_softcapping"] = null,
            ["rope_scaling"] = null,
            ["bos_token_id"] = 2,
            ["eos_token_id"] = new JsonArray(1, 6),
            ["pad_token_id"] = 0,
            ["hidden_activation"] = "gelu_pytorch_tanh",
            ["rms_norm_eps"] = 1e-6,
            ["rope_theta"] = 1000000,
            ["rope_local_base_freq"] = 10000,
            ["sliding_window_pattern"] = 6,
        };
        var maker = new ModelMaker(config, config);
        maker.SetSizes(maker.TokenCount);
        return maker.WithTensors("model.", maker.TokenCount);
    }

    /// <summary>As 270M is published: layer types, and the pattern under another name.</summary>
    public static ModelMaker Smallest()
    {
        var maker = OneBillion();
        maker.Config.Remove("sliding_window_pattern");
        maker.Config["_sliding_window_pattern"] = 6;
        maker.Config["layer_types"] = new JsonArray("sliding_attention", "full_attention");
        maker.Config["use_bidirectional_attention"] = false;
        return maker;
    }

    /// <summary>As 4B and larger are published: a sparse nested config without vocab_size, and pictures.</summary>
    public static ModelMaker Multimodal(string prefix = "language_model.model.")
    {
        const int Rows = 262_208;
        var text = new JsonObject
        {
            ["model_type"] = "gemma3_text",
            ["rope_scaling"] = new JsonObject { ["factor"] = 8.0, ["rope_type"] = "linear" },
        };
        var config = new JsonObject
        {
            ["architectures"] = new JsonArray("Gemma3ForConditionalGeneration"),
            ["model_type"] = "gemma3",
            ["eos_token_id"] = new JsonArray(1, 6),
            ["text_config"] = text,
            ["vision_config"] = new JsonObject { ["model_type"] = "siglip_vision_model" },
        };
        var maker = new ModelMaker(config, text);
        maker.SetSizes(null);
        maker.Tensors["vision_tower.vision_model.post_layernorm.weight"] = ("F32", [4]);
        maker.Tensors["multi_modal_projector.mm_soft_emb_norm.weight"] = ("U8", [4]);
        return maker.WithTensors(prefix, Rows);
    }

    public static JsonObject Added(int id, string content, bool isSpecial) => new()
    {
        ["id"] = id,
        ["content"] = content,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = isSpecial,
    };

    public string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>Writes configuration, tokenizer and weights, in one file or in shards with an index.</summary>
    public ModelMaker Write(int shards = 0)
    {
        File.WriteAllText(PathOf("config.json"), Config.ToJsonString());
        File.WriteAllText(PathOf("tokenizer.json"), Tokenizer.ToJsonString());
        if (shards == 0)
        {
            WriteWeights("model.safetensors", Tensors);
            return this;
        }

        var map = new JsonObject();
        foreach (var (number, part) in Tensors.Chunk((Tensors.Count + shards - 1) / shards).Index())
        {
            var file = $"model-{number + 1:D5}-of-{shards:D5}.safetensors";
            WriteWeights(file, part);
            foreach (var (name, _) in part)
            {
                map[name] = file;
            }
        }

        var index = new JsonObject { ["weight_map"] = map };
        File.WriteAllText(PathOf("model.safetensors.index.json"), index.ToJsonString());
        return this;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>Writes a safetensors file of a header as given and so many bytes of tensors.</summary>
    public static void WriteFile(string path, string header, int dataBytes = 0)
    {
        var json = Encoding.UTF8.GetBytes(header);
        var bytes = new byte[sizeof(ulong) + json.Length + dataBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)json.Length);
        json.CopyTo(bytes, sizeof(ulong));
        File.WriteAllBytes(path, bytes);
    }

    /// <summary>The header of model.safetensors.</summary>
    public JsonObject ReadHeader()
    {
        var bytes = File.ReadAllBytes(PathOf("model.safetensors"));
        var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        return JsonNode.Parse(bytes.AsSpan(sizeof(ulong), length))!.AsObject();
    }

    /// <summary>Puts another header before the tensors of model.safetensors.</summary>
    public void ReplaceHeader(string header)
    {
        var bytes = File.ReadAllBytes(PathOf("model.safetensors"));
        var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        WriteFile(PathOf("model.safetensors"), header);
        using var file = File.Open(PathOf("model.safetensors"), FileMode.Append);
        file.Write(bytes.AsSpan(sizeof(ulong) + length));
    }

    /// <summary>Puts other bytes in place of elements of a tensor of model.safetensors.</summary>
    public void WriteTensor(string name, int element, ReadOnlySpan<byte> bytes)
    {
        long start;
        using (var file = SafetensorsFile.Open(PathOf("model.safetensors")))
        {
            var tensor = file.Find(name);
            start = file.Length - file.Tensors.Values.Max(each => each.End) + tensor.Begin
                + (element * (long)SafetensorsHeader.ElementBytes(tensor.Type));
        }

        using var stream = File.OpenWrite(PathOf("model.safetensors"));
        stream.Position = start;
        stream.Write(bytes);
    }

    private void WriteWeights(string file, IEnumerable<KeyValuePair<string, (string Type, int[] Shape)>> tensors)
    {
        var (header, data) = (new Dictionary<string, object>(), new MemoryStream());
        header["__metadata__"] = new { format = "pt" };
        foreach (var (name, (type, shape)) in tensors)
        {
            var begin = data.Length;
            var values = new byte[shape.Aggregate(SafetensorsHeader.ElementBytes(type), (bytes, size) => bytes * size)];
            _random.NextBytes(values);

            // Small numbers: the exponent's upper bits are those of values around a hundredth.
            var bytes = SafetensorsHeader.ElementBytes(type);
            for (var i = bytes - 1; type is "BF16" or "F16" or "F32" && i < values.Length; i += bytes)
            {
                values[i] = 0x3C;
            }

            data.Write(values);
            header[name] = new { dtype = type, shape, data_offsets = new[] { begin, data.Length } };
        }

        using var stream = File.Create(PathOf(file));
        var json = JsonSerializer.SerializeToUtf8Bytes(header);
        stream.Write(BitConverter.GetBytes((ulong)json.Length));
        stream.Write(json);
        data.WriteTo(stream);
    }

    private void SetSizes(int? rows)
    {
        foreach (var (key, value) in new Dictionary<string, int?>
        {
            ["vocab_size"] = rows,
            ["hidden_size"] = 8,
            ["intermediate_size"] = 16,
            ["num_hidden_layers"] = 2,
            ["num_attention_heads"] = 4,
            ["num_key_value_heads"] = 1,
            ["head_dim"] = 4,
            ["query_pre_attn_scalar"] = 4,
            ["sliding_window"] = 32,
            ["max_position_embeddings"] = 512,
        }.Where(size => size.Value is not null))
        {
            Text[key] = value;
        }
    }

    private ModelMaker WithTensors(string prefix, int rows)
    {
        var config = new Gemma3Config
        {
            VocabularySize = rows,
            HiddenSize = 8,
            IntermediateSize = 16,
            LayerCount = 2,
            HeadCount = 4,
            KeyValueHeadCount = 1,
            HeadDimension = 4,
        };
        foreach (var tensor in Gemma3Tensors.All(config))
        {
            Tensors[prefix + tensor.Name[Gemma3Tensors.Prefix.Length..]] = ("BF16", [.. tensor.Shape]);
        }

        return this;
    }

    private static string Train()
    {
        var folder = Directory.CreateTempSubdirectory("tokenizer").FullName;
        try
        {
            var path = Path.Combine(folder, "tokenizer.json");
            BpeTrainer.Train(Sentences, new BpeTrainerOptions { VocabularySize = 320 }).Save(path);
            return File.ReadAllText(path);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
