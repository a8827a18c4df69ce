using System.IO.Compression;
using System.Text.Json.Nodes;
using ParquetSharp;
using Workflows.Activities.Capacity;
using Workflows.Activities.Data;
using Workflows.Activities.Tests.Capacity;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Data;

public sealed class PrepareDataActivityTests : RunFolder
{
    [Fact]
    public async Task Run_TestSentencesInTraining_TakesThemOutAndSaysSo()
    {
        var spec = Spec();
        spec = spec with { Data = spec.Data with { Test = Write("test.tsv", Pairs(20, first: 91)) } };

        var data = await PrepareAsync(spec);

        Assert.Equal((90, 20), (data.TrainPairs, data.TestPairs));
        Assert.Equal(10, data.Dropped.Where(each => each.Key.StartsWith("in the test set", StringComparison.Ordinal))
            .Sum(each => each.Value));
        Assert.Contains(
            data.Gates, gate => gate.Detail.Contains("10 training pairs taken out", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Run_BadRows_CountsThemAndShowsSomeWithTheirLines()
    {
        var spec = Spec();
        spec = spec with
        {
            Data = spec.Data with
            {
                Train = Write("bad.tsv", [.. Pairs(40), "하나", "둘\ttwo\tthree", "\t", "같은 것\t같은 것"]),
            },
        };

        var data = await PrepareAsync(spec);

        Assert.Equal(1, data.Dropped["train: too few columns"]);
        Assert.Equal(1, data.Dropped["train: too many columns"]);
        Assert.Equal(1, data.Dropped["train: identical sides"]);
        var sample = Assert.Single(data.Samples, each => each.Reason == "train: too few columns");
        Assert.Equal((42, "하나"), (sample.Line, sample.Text));
    }

    [Fact]
    public async Task Run_ShardsOfDecomposedText_AreReadOneAfterTheOtherAndSaid()
    {
        var spec = Spec();
        var (first, second) = (Pairs(40), Pairs(40, first: 41));
        spec = spec with
        {
            Data = spec.Data with
            {
                Train = string.Join(',', Write("1.tsv", ["source\ttarget", .. first]),
                    Write("2.tsv", [.. second, "\u1107\u1161\u11BC\troom"])),
            },
        };

        var data = await PrepareAsync(spec);

        Assert.Contains(data.Gates, gate => gate.Detail == "train: 1.tsv: line 1 read as data: no header ko/en");
        Assert.Contains(
            data.Gates, gate => gate.Detail == "train: 1 rows of decomposed text (NFD) were composed (NFC)");
        Assert.InRange(data.TrainPairs + data.TestPairs, 80, 81);
    }

    [Theory]
    [InlineData("aligned")]
    [InlineData("jsonl")]
    [InlineData("parquet")]
    public async Task Run_DecomposedTextOfOtherFormats_IsSaidInTheReportToo(string format)
    {
        var rows = Pairs(40).Skip(1).Select(line => line.Split('\t')).Append(["\u1107\u1161\u11BC", "room"]).ToList();
        var spec = Spec();
        spec = spec with { Data = spec.Data with { Train = WriteAs(format, rows) } };

        var data = await PrepareAsync(spec);

        Assert.Contains(
            data.Gates, gate => gate.Detail == "train: 1 rows of decomposed text (NFD) were composed (NFC)");
        var written = File.ReadAllText(data.TrainUri) + File.ReadAllText(data.TestUri);
        Assert.Contains("\"방\"", written, StringComparison.Ordinal);
        Assert.DoesNotContain("\u1107", written, StringComparison.Ordinal);
    }

    private string WriteAs(string format, List<string[]> rows)
    {
        switch (format)
        {
            case "aligned":
                return $"{Write("a.ko", rows.Select(row => row[0]))},{Write("a.en", rows.Select(row => row[1]))}";
            case "jsonl":
                return Write("a.jsonl", rows.Select(row => $$"""{"ko": "{{row[0]}}", "en": "{{row[1]}}"}"""));
        }

        var path = Path.Combine(Folder, "a.parquet");
        using var file = new ParquetFileWriter(path, [new Column<string>("ko"), new Column<string>("en")]);
        using (var group = file.AppendRowGroup())
        {
            for (var side = 0; side < 2; side++)
            {
                using var column = group.NextColumn().LogicalWriter<string>();
                column.WriteBatch([.. rows.Select(row => row[side])]);
            }
        }

        file.Close();
        return path;
    }

    [Fact]
    public async Task Run_WithValidation_HoldsPairsOutOfTrainingAndTest()
    {
        var spec = Spec();
        spec = spec with { Training = spec.Training with { Validation = new ValidationSpec { MaxPairs = 7 } } };

        var data = await PrepareAsync(spec);

        var (train, test, validation) =
            (File.ReadAllLines(data.TrainUri), File.ReadAllLines(data.TestUri), File.ReadAllLines(data.ValidationUri!));
        Assert.Equal(data.ValidationPairs, validation.Length);
        Assert.InRange(validation.Length, 2, 7);
        Assert.Empty(validation.Intersect(train));
        Assert.Empty(validation.Intersect(test));
        Assert.Equal(100, train.Length + test.Length + validation.Length);
    }

    [Fact]
    public async Task Run_ValidationFileWithTestSentences_DoesNotValidateOnThem()
    {
        var spec = Spec();
        spec = spec with
        {
            Data = spec.Data with
            {
                Test = Write("test.tsv", Pairs(20, first: 201)),
                Validation = Write("val.tsv", Pairs(20, first: 211)),
            },
            Training = spec.Training with { Validation = new ValidationSpec() },
        };

        var data = await PrepareAsync(spec);

        Assert.Equal(10, data.ValidationPairs);
        Assert.Empty(File.ReadAllLines(data.ValidationUri!).Intersect(File.ReadAllLines(data.TestUri)));
    }

    [Fact]
    public async Task Run_GoodModel_ListsWhatWasChecked()
    {
        var data = await PrepareAsync(Spec());

        Assert.Equal(
            [
                "train/test overlap", "weights", "vocabulary", "prompt template", "end of an answer", "length",
                "positions",
                "values",
            ],
            data.Gates.Select(gate => gate.Name));
    }

    [Fact]
    public async Task Run_TokenizerOfAnotherModel_IsRefused()
    {
        var model = CopyModel(("\"vocab_size\": 3000", "\"vocab_size\": 100"));

        var fault = await RefusedAsync(Spec() with { Model = model });

        Assert.Equal("MODEL_VOCABULARY_MISMATCH", fault.Failure.Code);
    }

    [Theory]
    [InlineData("tokenizer_config.json")]
    [InlineData("chat_template.json")]
    public async Task Run_ChatTemplateOfAnotherModel_IsRefusedUnlessAskedForPlain(string file)
    {
        var model = CopyModel();
        File.WriteAllText(
            Path.Combine(model, file),
            new JsonObject { ["chat_template"] = "<|turn>{{ message }}<turn|>" }.ToJsonString());

        var fault = await RefusedAsync(Spec() with { Model = model });
        var plain = await PrepareAsync(Spec() with { Model = model, PromptTemplate = "plain" });

        Assert.Equal("MODEL_TEMPLATE_MISMATCH", fault.Failure.Code);
        Assert.NotEmpty(plain.Gates);
    }

    [Fact]
    public async Task Run_MostPairsTooLong_IsRefusedWithALengthThatFits()
    {
        var spec = Spec();

        var fault = await RefusedAsync(spec with { Training = spec.Training with { MaxLength = 8 } });

        Assert.Equal("TRAINING_LENGTH_TOO_SHORT", fault.Failure.Code);
        Assert.Matches("Use at least [0-9]+", fault.Failure.Fix);
    }

    /// <summary>Each text is short, and the prompt around it is not: the training would end on the TPU.</summary>
    [Theory]
    [InlineData("loss", 220, 220, "none of 80 training examples")]
    [InlineData("loss", 100, 220, "none of 10 validation examples")]
    [InlineData("chrf", 100, 220, null)]
    [InlineData("loss", 100, 128, null)]
    public async Task Run_NoPairFitsWithItsPrompt_IsRefusedWithALengthThatFits(
        string metric, int train, int validation, string? words)
    {
        var held = Pairs(10, first: 500);
        var spec = Spec();
        spec = spec with
        {
            Prompt = "translategemma",
            Data = spec.Data with
            {
                Train = Write("some.tsv", Pairs(80)),
                Test = Write("test.tsv", Pairs(20, first: 300)),
                Validation = Write("held.tsv", held),
            },
            Training = spec.Training with { MaxLength = 128, Validation = new ValidationSpec { Metric = metric } },
        };
        var programs = new FakePrograms(0)
        {
            Length = pair => new PairLength(
                held.Any(line => line.Contains(pair.En, StringComparison.Ordinal)) ? validation - 20 : train - 20, 20),
        };
        using var inputs = new InputWork(Ledger, InputLimits.Default, TimeProvider.System);
        var run = new PrepareDataActivity(Ledger, inputs, programs: programs).RunAsync(null!, spec);

        if (words is null)
        {
            Assert.Contains(
                (await run).Gates, gate => gate.Detail == "0 of 80 examples are longer than 128 tokens");
            return;
        }

        var fault = await Assert.ThrowsAsync<RunFaultException>(() => run);
        Assert.Equal("TRAINING_LENGTH_TOO_SHORT", fault.Failure.Code);
        Assert.Contains(words, fault.Failure.Message, StringComparison.Ordinal);
        Assert.Equal(
            "Set training.maxLength to 220, or prompt to \"brief\", which is one short line.", fault.Failure.Fix);
    }

    /// <summary>A small packed file must not fill the disk or the memory of the service.</summary>
    [Theory]
    [InlineData(1_000_000, false)]
    [InlineData(100_000, true)]
    public async Task Run_CorpusThatUnpacksToMoreThanTheLimit_IsRefusedNamingTheSetting(int bytes, bool isRefused)
    {
        var path = Path.Combine(Folder, "packed.tsv.gz");
        await using (var packed = new GZipStream(File.Create(path), CompressionLevel.Fastest))
        await using (var text = new StreamWriter(packed))
        {
            foreach (var line in Pairs(4000))
            {
                await text.WriteLineAsync(line);
            }
        }

        Assert.True(new FileInfo(path).Length < 100_000, "The packed file is within the limit.");
        var spec = Spec() with { Data = new DataSpec { Train = path } };
        using var inputs = new InputWork(
            Ledger, InputLimits.Default with { Bytes = bytes }, TimeProvider.System);
        var activity = new PrepareDataActivity(Ledger, inputs);

        if (!isRefused)
        {
            Assert.InRange((await activity.RunAsync(null!, spec)).TrainPairs, 1000, 4000);
            return;
        }

        var fault = await Assert.ThrowsAsync<RunFaultException>(() => activity.RunAsync(null!, spec));
        Assert.Equal("CORPUS_TOO_LARGE", fault.Failure.Code);
        Assert.Contains("packed.tsv.gz", fault.Failure.Message, StringComparison.Ordinal);
        Assert.Contains("Workflows:InputGibibytes", fault.Failure.Fix, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cut", "its header describes")]
    [InlineData("gone", "there is no such file")]
    [InlineData("rubbish", "does not fit its")]
    [InlineData("config", "it is not JSON")]
    [InlineData("size", "vocab_size is \"many\"")]
    [InlineData("index", "'../x' in its weight_map is not a file of this folder")]
    [InlineData("tokenizer_config", "it is not a JSON object")]
    public async Task Run_DamagedModel_IsRefusedNamingTheFile(string damage, string problem)
    {
        var model = CopyModel();
        var (weights, config) = (Path.Combine(model, "model.safetensors"), Path.Combine(model, "config.json"));
        switch (damage)
        {
            case "cut":
                using (var file = File.OpenWrite(weights))
                {
                    file.SetLength(file.Length - 5);
                }

                break;
            case "gone":
                File.Delete(weights);
                break;
            case "rubbish":
                File.WriteAllText(weights, "<html>404 Not Found</html>");
                break;
            case "config":
                File.WriteAllText(config, "{ \"vocab_size\":");
                break;
            case "size":
                File.WriteAllText(config, "{ \"model_type\": \"gemma3_text\", \"vocab_size\": \"many\" }");
                break;
            case "tokenizer_config":
                File.WriteAllText(Path.Combine(model, "tokenizer_config.json"), "[]");
                break;
            default:
                File.Delete(weights);
                File.WriteAllText(
                    Path.Combine(model, "model.safetensors.index.json"), "{ \"weight_map\": { \"a\": \"../x\" } }");
                break;
        }

        var fault = await RefusedAsync(Spec() with { Model = model });

        Assert.Equal("MODEL_FILES_DAMAGED", fault.Failure.Code);
        Assert.Contains(model, fault.Message, StringComparison.Ordinal);
        Assert.Contains(problem.Replace('\'', '"'), fault.Message.Replace('\'', '"'), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_EvaluationWithoutRoomInTheModel_IsRefusedBeforeAnythingIsRented()
    {
        var spec = Spec();
        var noRoom = await RefusedAsync(spec with { Evaluation = spec.Evaluation with { MaxNewTokens = 1000 } });
        string Words(string word) => string.Join(' ', Enumerable.Range(0, 80).Select(each => $"{word} {each}"));
        var test = Write("long.tsv", [.. Pairs(20, 201), $"{Words("버스")}\t{Words("bus")}"]);
        spec = spec with
        {
            Data = spec.Data with { Test = test },
            Evaluation = spec.Evaluation with { MaxNewTokens = 960 },
        };

        var tooLong = await RefusedAsync(spec);
        var cut = await PrepareAsync(spec with { Evaluation = spec.Evaluation with { LongInput = "truncate" } });

        Assert.Equal(
            ("EVALUATION_LENGTH_TOO_LARGE", "Use at most 960."), (noRoom.Failure.Code, noRoom.Failure.Fix));
        Assert.Equal("EVALUATION_INPUT_TOO_LONG", tooLong.Failure.Code);
        Assert.Contains("Test pair ", tooLong.Message, StringComparison.Ordinal);
        Assert.NotEmpty(cut.Gates);
    }

    private Task<PreparedData> PrepareAsync(RunSpec spec) => new PrepareDataActivity(
            Ledger, new InputWork(Ledger, InputLimits.Default, TimeProvider.System)).RunAsync(null!, spec);

    private Task<RunFaultException> RefusedAsync(RunSpec spec) =>
        Assert.ThrowsAsync<RunFaultException>(() => PrepareAsync(spec));

    private string CopyModel(params (string Old, string New)[] changes)
    {
        var model = Directory.CreateDirectory(Path.Combine(Folder, "model")).FullName;
        File.Copy(Path.Combine(SampleModel, "tokenizer.json"), Path.Combine(model, "tokenizer.json"));
        var config = File.ReadAllText(Path.Combine(SampleModel, "config.json"));
        foreach (var (old, replacement) in changes)
        {
            Assert.Contains(old, config, StringComparison.Ordinal);
            config = config.Replace(old, replacement, StringComparison.Ordinal);
        }

        File.WriteAllText(Path.Combine(model, "config.json"), config);
        File.Copy(Path.Combine(SampleModel, "model.safetensors"), Path.Combine(model, "model.safetensors"));
        return model;
    }
}
