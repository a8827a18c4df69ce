using System.Buffers.Binary;
using System.Text.Json.Nodes;

namespace Workflows.ModelFiles.Tests;

/// <summary>
/// Model files with random damage, and rubbish in every field: one kind of fault, which names the file.
/// </summary>
public sealed class ModelFileFuzzTests : IDisposable
{
    private static readonly string[] Rubbish =
    [
        "-1", "0", "2147483647", "2147483648", "1e300", "1e999", "1.5", "\"x\"", "\"\\ud800\"", "[]", "[null]",
        "{\"x\": 1}", "true", "\"../../etc/passwd\"", "[[1]]",
    ];

    private readonly ModelMaker _model = ModelMaker.OneBillion().Write();

    public static TheoryData<string> ConfigFields =>
    [
        "model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "head_dim", "query_pre_attn_scalar", "sliding_window", "max_position_embeddings",
        "rms_norm_eps", "rope_theta", "rope_local_base_freq", "rope_scaling", "rope_parameters", "layer_types",
        "sliding_window_pattern", "_sliding_window_pattern", "hidden_activation", "attn_logit_softcapping",
        "final_logit_softcapping", "tie_word_embeddings", "attention_bias", "use_bidirectional_attention",
        "quantization_config", "text_config", "bos_token_id", "eos_token_id", "pad_token_id", "initializer_range",
    ];

    /// <summary>
    /// A header of any bytes: it is read, and then every byte of every tensor can be, or it is refused.
    /// </summary>
    [Fact]
    public void Safetensors_RandomDamage_IsRefusedOrReadable()
    {
        var whole = File.ReadAllBytes(_model.PathOf("model.safetensors"));
        var headerBytes = 8 + (int)BinaryPrimitives.ReadUInt64LittleEndian(whole);
        var path = _model.PathOf("damaged.safetensors");
        for (var seed = 1; seed <= 400; seed++)
        {
            var random = new Random(seed);
            // Damage of the header alone, with the tensors as they are.
            var damaged = Damage(random, whole[..headerBytes]);
            if (random.Next(2) == 0 && damaged.Length > 8)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(damaged, (ulong)(damaged.Length - 8));
            }

            File.WriteAllBytes(path, [.. damaged, .. whole[headerBytes..]]);
            Guarded(seed, path, () =>
            {
                using var file = SafetensorsFile.Open(path);
                var covered = 0L;
                foreach (var (name, tensor) in file.Tensors)
                {
                    var bytes = new byte[tensor.End - tensor.Begin];
                    file.Read(tensor, 0, bytes);
                    covered += bytes.Length;
                    Assert.Equal(bytes.Length, tensor.Shape.Aggregate(
                        (long)SafetensorsHeader.ElementBytes(tensor.Type), (all, size) => all * size));
                    Assert.Same(tensor, file.Find(name));
                    Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(tensor, 1, bytes));
                }

                Assert.Equal(whole.Length - headerBytes, covered);
            });
        }
    }

    /// <summary>The file cut after any byte, and its data short or long by some.</summary>
    [Fact]
    public void Safetensors_CutAnywhere_IsRefused()
    {
        var whole = File.ReadAllBytes(_model.PathOf("model.safetensors"));
        var path = _model.PathOf("cut.safetensors");
        var random = new Random(3);
        foreach (var length in Enumerable.Range(0, 12).Concat(
            Enumerable.Range(0, 60).Select(_ => random.Next(whole.Length))).Append(whole.Length - 1))
        {
            File.WriteAllBytes(path, whole[..length]);
            Assert.Equal(path, Assert.Throws<ModelFileException>(() => SafetensorsFile.Open(path)).Path);
        }

        File.WriteAllBytes(path, [.. whole, 0]);
        Assert.Throws<ModelFileException>(() => SafetensorsFile.Open(path));
    }

    /// <summary>
    /// Offsets of every kind, against the rule that tensors lie one behind the other and fill the file.
    /// </summary>
    [Fact]
    public void Safetensors_RandomOffsets_AreTakenWhereTheyCoverTheFile()
    {
        var path = _model.PathOf("offsets.safetensors");
        for (var seed = 1; seed <= 400; seed++)
        {
            var random = new Random(seed);
            var (header, position) = (new JsonObject(), 0L);
            var isRight = true;
            foreach (var name in (string[])["a", "b", "c"])
            {
                int[] shape = [.. Enumerable.Range(0, random.Next(0, 3)).Select(_ => random.Next(0, 3))];
                var bytes = 4L * shape.Aggregate(1, (all, size) => all * size);
                var (begin, end) = (position, position + bytes);
                // What has no bytes may lie between any two others.
                if (bytes > 0 && random.Next(12) == 0)
                {
                    var (first, second) = (begin, end);
                    begin = random.GetItems([begin + 4, begin - 4, long.MaxValue - 3, long.MinValue], 1)[0];
                    end = random.GetItems([end, unchecked(begin + bytes), -1, long.MaxValue], 1)[0];
                    isRight &= (begin, end) == (first, second);
                }

                header[name] = new JsonObject
                {
                    ["dtype"] = "F32",
                    ["shape"] = new JsonArray([.. shape.Select(size => (JsonNode)size)]),
                    ["data_offsets"] = new JsonArray(begin, end),
                };
                position += bytes;
            }

            var extra = random.Next(8) == 0 ? 4 : 0;
            ModelMaker.WriteFile(path, header.ToJsonString(), (int)position + extra);
            var isOpened = true;
            try
            {
                SafetensorsFile.Open(path).Dispose();
            }
            catch (ModelFileException)
            {
                isOpened = false;
            }

            Assert.True(isOpened == (isRight && extra == 0), $"Seed {seed}: {header.ToJsonString()} +{extra}");
        }
    }

    /// <summary>
    /// Every field of config.json with every kind of rubbish: refused by name, or a configuration within bounds.
    /// </summary>
    [Theory]
    [MemberData(nameof(ConfigFields))]
    public void Config_RubbishInAField_IsRefusedOrWithinBounds(string field)
    {
        var path = _model.PathOf("config.json");
        foreach (var rubbish in Rubbish)
        {
            var config = JsonNode.Parse(_model.Config.ToJsonString())!.AsObject();
            config[field] = "RUBBISH";
            File.WriteAllText(path, config.ToJsonString().Replace("\"RUBBISH\"", rubbish));
            try
            {
                var read = Gemma3ConfigFile.Read(path);
                Assert.InRange(read.LayerCount, 1, 1000);
                Assert.InRange(read.HeadDimension, 2, 1 << 12);
                Assert.True(read.RmsNormEpsilon is >= 1e-12 and <= 0.1, $"{field} {rubbish}: {read.RmsNormEpsilon}");
                Assert.True(double.IsFinite(read.GlobalRopeTheta) && double.IsFinite(read.GlobalRopeFactor));
                Assert.Equal(read.LayerCount, Enumerable.Range(0, read.LayerCount).Select(read.IsGlobal).Count());
                Assert.All(read.EndTokens, token => Assert.InRange(token, 0, read.VocabularySize - 1));
                // It is written again as it was read.
                File.WriteAllText(path, Gemma3ConfigFile.Write(read, WeightPrecision.BF16));
                var again = Gemma3ConfigFile.Read(path);
                Assert.Equal(
                    Enumerable.Range(0, read.LayerCount).Select(read.IsGlobal),
                    Enumerable.Range(0, again.LayerCount).Select(again.IsGlobal));
                Assert.Equal(read.EndTokens, again.EndTokens);
                Assert.Equal(
                    read with { EndTokens = [], GlobalLayers = null, LocalRopeFactor = 1 },
                    again with { EndTokens = [], GlobalLayers = null, LocalRopeFactor = 1 });
            }
            catch (ModelFileException fault)
            {
                Assert.Equal(path, fault.Path);
                Assert.NotEmpty(fault.Fix);
            }
        }
    }

    /// <summary>The index of shards with rubbish: no file outside its folder is ever opened.</summary>
    [Theory]
    [InlineData("../model.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("a/b.safetensors")]
    [InlineData("a\u0000b")]
    [InlineData("missing.safetensors")]
    [InlineData("config.json")]
    public void Index_ThatNamesNoShardOfTheFolder_IsRefused(string shard)
    {
        using var model = ModelMaker.OneBillion().Write(shards: 2);
        var path = model.PathOf("model.safetensors.index.json");
        var index = JsonNode.Parse(File.ReadAllText(path))!;
        var first = index["weight_map"]!.AsObject().First().Key;
        index["weight_map"]![first] = shard;
        File.WriteAllText(path, index.ToJsonString());

        var fault = Assert.Throws<ModelFileException>(() => ModelFolder.Open(model.Folder).OpenWeights().Dispose());

        Assert.StartsWith(model.Folder, fault.Path, StringComparison.Ordinal);
    }

    /// <summary>
    /// Random damage of every small file of a folder: the folder opens, or one kind of fault names a file.
    /// </summary>
    [Theory]
    [InlineData("config.json", 0)]
    [InlineData("tokenizer.json", 0)]
    [InlineData("generation_config.json", 0)]
    [InlineData("tokenizer_config.json", 0)]
    [InlineData("chat_template.json", 0)]
    [InlineData("model.safetensors.index.json", 2)]
    public void Folder_RandomDamageOfAFile_IsRefusedOrOpens(string name, int shards)
    {
        using var model = ModelMaker.Smallest().Write(shards);
        if (!File.Exists(model.PathOf(name)))
        {
            File.WriteAllText(model.PathOf(name), """
                {"eos_token_id": [1, 6], "bos_token_id": 2, "do_sample": true, "chat_template": [
                {"name": "default", "template": "{{ x }}"}, {"name": "tool", "template": "y"}]}
                """);
        }

        var whole = File.ReadAllBytes(model.PathOf(name));
        for (var seed = 1; seed <= (name == "tokenizer.json" ? 60 : 200); seed++)
        {
            File.WriteAllBytes(model.PathOf(name), Damage(new Random(seed), whole));
            Guarded(seed, model.Folder, () =>
            {
                var folder = ModelFolder.Open(model.Folder);
                using var weights = folder.OpenWeights();
                weights.RequireValues(TestContext.Current.CancellationToken);
                folder.IsChat(folder.LoadTokenizer().EndOfTurnId);
            });
        }
    }

    /// <summary>A key that two readers read differently is refused, in every file of JSON.</summary>
    [Theory]
    [InlineData("config.json", "{\"hidden_size\": 8, ")]
    [InlineData("generation_config.json", "{\"eos_token_id\": 1, ")]
    [InlineData("tokenizer_config.json", "{\"chat_template\": \"x\", ")]
    public void Folder_KeyGivenTwice_IsRefused(string name, string beginning)
    {
        var path = _model.PathOf(name);
        if (!File.Exists(path))
        {
            File.WriteAllText(path, "{\"eos_token_id\": [1], \"chat_template\": \"y\"}");
        }

        File.WriteAllText(path, beginning + File.ReadAllText(path).TrimStart('{'));

        Assert.Equal(path, Assert.Throws<ModelFileException>(() => ModelFolder.Open(_model.Folder)).Path);
    }

    public void Dispose() => _model.Dispose();

    private static void Guarded(int seed, string path, Action open)
    {
        try
        {
            open();
        }
        catch (ModelFileException fault)
        {
            Assert.StartsWith(path, fault.Path, StringComparison.Ordinal);
            Assert.NotEmpty(fault.Problem);
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"Seed {seed}: {exception.Message}", exception);
        }
    }

    /// <summary>A few bytes changed, taken out, put in or repeated.</summary>
    private static byte[] Damage(Random random, byte[] whole)
    {
        var bytes = new List<byte>(whole);
        for (var left = random.Next(1, 5); left > 0 && bytes.Count > 9; left--)
        {
            var at = random.Next(bytes.Count);
            var count = Math.Min(random.Next(1, 12), bytes.Count - at);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = "0123456789-[]{}\",:eE\\n\0"u8[random.Next(22)];
                    break;
                case 2:
                    bytes.RemoveRange(at, count);
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(at, count));
                    break;
                default:
                    bytes.Insert(at, (byte)random.Next(256));
                    break;
            }
        }

        return [.. bytes];
    }
}
