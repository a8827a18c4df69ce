using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Workflows.Cli.Commands;
using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.Translation;

namespace Workflows.Cli.Tests;

/// <summary>workflows translate with the sample's own model.</summary>
public sealed class TranslateCommandTests
{
    private static readonly string Model = Checkout.PathOf("samples", "tiny-gemma3");

    [Fact]
    public void Translate_LinesWithAnEmptyOneBetween_AnswersLineForLine()
    {
        var (code, output, error) = Run("안녕하세요.\n\n고맙습니다.\n", "--model", Model, "--prompt", "brief");

        Assert.True(code == 0, error);
        var lines = output.Split('\n');
        Assert.Equal(4, lines.Length);
        Assert.NotEmpty(lines[0]);
        Assert.Empty(lines[1]);
        Assert.NotEmpty(lines[2]);
        Assert.Contains("3 lines", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Translate_IntoKorean_AnswersInHangul()
    {
        var (code, output, error) = Run("I like music.\n", "--model", Model, "--prompt", "brief", "--to", "ko");

        Assert.True(code == 0, error);
        Assert.Contains(output, letter => letter is >= '가' and <= '힣');
    }

    [Fact]
    public void Translate_WithAnAdapterThatChangesNothing_AnswersAsTheModelDoes()
    {
        using var folder = new TemporaryFolder();
        var adapter = FreshAdapter(folder.Path);
        string[] arguments = ["--model", Model, "--prompt", "brief"];

        var plain = Run("안녕하세요.\n", arguments);
        var adapted = Run("안녕하세요.\n", [.. arguments, "--adapter", adapter]);

        Assert.True(adapted.Code == 0, adapted.Error);
        Assert.Equal(plain.Output, adapted.Output);
    }

    [Fact]
    public void Translate_NoPromptNamed_AsksAsTheAdapterElseTheModelWasTuned()
    {
        using var folder = new TemporaryFolder();
        var adapter = FreshAdapter(folder.Path);
        string Answer(params string[] arguments) => Run("안녕하세요.\n", ["--model", Model, .. arguments]).Output;

        var (brief, other) = (Answer("--prompt", "brief"), Answer("--prompt", "translategemma"));
        var asTheModel = Answer("--adapter", adapter);
        File.WriteAllText(
            Path.Combine(adapter, "translation.json"),
            """{ "direction": "ko-en", "prompt": "translategemma", "promptTemplate": "chat" }""");

        Assert.NotEqual(brief, other);
        Assert.Equal((brief, brief, other), (Answer(), asTheModel, Answer("--adapter", adapter)));
    }

    [Theory]
    [InlineData("ko-en", "en", "the model was taught ko-en")]
    [InlineData("en-ko", "ko", "the model was taught en-ko")]
    [InlineData("ko-en", "ko", null)]
    [InlineData("both", "en", null)]
    public void Translate_FromALanguageThatTheCardDoesNotName_WarnsAndTranslates(
        string taught, string from, string? warning)
    {
        using var folder = new TemporaryFolder();
        var adapter = FreshAdapter(folder.Path);
        File.WriteAllText(
            Path.Combine(adapter, "translation.json"),
            $$"""{ "direction": "{{taught}}", "prompt": "brief", "promptTemplate": "chat" }""");

        var (code, output, error) = Run(
            "I like music.\n", "--model", Model, "--adapter", adapter, "--from", from,
            "--to", from == "en" ? "ko" : "en");

        Assert.True(code == 0, error);
        Assert.NotEmpty(output);
        Assert.Equal(warning is not null, error.Contains("Warning: ", StringComparison.Ordinal));
        Assert.Contains(warning ?? "1 line,", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Translate_DamagedCard_IsNamedWithTheFix()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.Path);
        File.WriteAllText(Path.Combine(folder.Path, "translation.json"), "{ \"prompt\": ");

        var (code, output, error) = Run("x\n", "--model", folder.Path);

        Assert.Equal((2, ""), (code, output));
        Assert.Contains("translation.json': it is not JSON", error, StringComparison.Ordinal);
        Assert.Contains("--prompt", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Translate_TrainedAdapter_AnswersAsTheMergedModelAndNotAsTheBase()
    {
        using var folder = new TemporaryFolder();
        var (adapter, merged) = (Path.Combine(folder.Path, "adapter"), Path.Combine(folder.Path, "merged"));
        var options = new FineTuneOptions
        {
            Steps = 3,
            BatchSize = 1,
            LearningRate = 0.05,
            CheckpointEverySteps = 3,
            Lora = new LoraOptions { Rank = 4 },
        };
        using var tuner = new FineTuner(
            Gemma3Checkpoint.Load(Model), options, [new TrainingExample([2, 5, 300, 301, 302, 303, 6], 3)]);
        tuner.Run(Path.Combine(folder.Path, "checkpoints"), _ => { }, CancellationToken.None);
        tuner.CreateAdapter().Save(adapter, Model);
        tuner.CreateCheckpoint().Save(merged, companions: Model);

        var plain = Run("안녕하세요.\n", "--model", Model);
        var adapted = Run("안녕하세요.\n", "--model", Model, "--adapter", adapter);
        var whole = Run("안녕하세요.\n", "--model", merged);

        Assert.True(adapted.Code == 0, adapted.Error);
        Assert.Equal(whole.Output, adapted.Output);
        Assert.NotEqual(plain.Output, adapted.Output);
    }

    [Fact]
    public void Translate_CardThatSaysRubbish_IsRefused()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.Path);
        File.WriteAllText(
            Path.Combine(folder.Path, "translation.json"),
            """{ "direction": "ko-en", "prompt": "rubbish", "promptTemplate": "chat" }""");

        var (code, _, error) = Run("x\n", "--model", folder.Path);

        Assert.Equal(2, code);
        Assert.Contains("prompt is 'rubbish', wanted translategemma or brief", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Translate_LineThatIsNotUtf8_NamesItAndTheFix()
    {
        var (code, output, error) = RunBytes([.. "ok\n"u8, 0xff, 0xfe, (byte)'\n'], "--model", Model);

        Assert.Equal((2, ""), (code, output));
        Assert.Contains("Line 2 of the input is not UTF-8", error, StringComparison.Ordinal);
        Assert.Contains("iconv", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Translate_LinesWithCarriageReturns_AreAsManyAsLineFeeds()
    {
        var (code, output, error) = RunBytes(
            [0xef, 0xbb, 0xbf, .. "안녕\r하세요.\r\n고맙습니다."u8], "--model", Model, "--max-new-tokens", "4");

        Assert.True(code == 0, error);
        Assert.Equal(2, output.Count(letter => letter == '\n'));
    }

    [Theory]
    [InlineData("--batch", "2147483647", "use 1 to 1024")]
    [InlineData("--beam-size", "5000", "use 1 to 64")]
    [InlineData("--max-new-tokens", "0", "use 1 to 131072")]
    public void Parse_NumbersOutOfRange_AreRefused(string option, string value, string fix) => Assert.Contains(
        TranslateCommand.Create().Parse(["--model", Model, option, value]).Errors,
        error => error.Message.Contains(fix, StringComparison.Ordinal));

    [Fact]
    public void Translate_LineThatIsTooLong_NamesTheLineOrCutsIt()
    {
        var input = "안녕하세요.\n" + string.Concat(Enumerable.Repeat("가나다라 ", 2000)) + "\n";

        var refused = Run(input, "--model", Model, "--prompt", "brief");
        var cut = Run(
            input, "--model", Model, "--prompt", "brief", "--long-input", "truncate", "--max-new-tokens", "4");

        Assert.Equal(2, refused.Code);
        Assert.Contains("line 2", refused.Error, StringComparison.Ordinal);
        Assert.Contains("--long-input truncate", refused.Error, StringComparison.Ordinal);
        Assert.True(cut.Code == 0, cut.Error);
        Assert.Equal(3, cut.Output.Split('\n').Length);
    }

    [Theory]
    [InlineData("--model: there is no folder 'nowhere'", "--model", "nowhere")]
    [InlineData("--to: 'ko' is the language of the input", "--model", ".", "--from", "ko", "--to", "ko")]
    [InlineData("adapter_config.json", "--model", "MODEL", "--adapter", "nowhere")]
    public void Translate_WrongFolderOrLanguage_NamesTheOption(string message, params string[] arguments)
    {
        var (code, output, error) = Run("x\n", Array.ConvertAll(arguments, each => each == "MODEL" ? Model : each));

        Assert.Equal((2, ""), (code, output));
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, null, null, "ko-en")]
    [InlineData(null, null, "en-ko", "en-ko")]
    [InlineData(null, null, "both", "ko-en")]
    [InlineData("en", null, "ko-en", "en-ko")]
    [InlineData(null, "ko", null, "en-ko")]
    [InlineData("ko", "en", "en-ko", "ko-en")]
    public void Direction_OfWhatIsNamedAndWhatWasTuned_IsWhatIsNamedFirst(
        string? from, string? to, string? tuned, string direction)
    {
        var taught = TranslationDirections.TryParse(tuned, out var directions) ? directions : null;

        Assert.Equal(direction, TranslateCommand.DirectionOf(from, to, taught).Code());
    }

    /// <summary>The picture part has no use in translation; that it is left out is said.</summary>
    [Theory]
    [InlineData(0, null)]
    [InlineData(1, "Note: left out 1 tensor of the adapter for the picture part.")]
    [InlineData(3, "Note: left out 3 tensors of the adapter for the picture part.")]
    public void Translate_AdapterOfAMultimodalModel_SaysWhatIsLeftOut(int tensors, string? note)
    {
        using var folder = new TemporaryFolder();
        var adapter = FreshAdapter(folder.Path);
        AddTensors(
            Path.Combine(adapter, "adapter_model.safetensors"),
            Enumerable.Range(0, tensors).Select(
                each => $"base_model.model.model.vision_tower.encoder.layers.{each}.fc1.lora_A.weight"));

        var (code, output, error) = Run(
            "안녕하세요.\n", "--model", Model, "--adapter", adapter, "--prompt", "brief", "--max-new-tokens", "4");

        Assert.True(code == 0, error);
        Assert.NotEmpty(output);
        Assert.Equal(note is not null, error.Contains("left out", StringComparison.Ordinal));
        Assert.Contains(note ?? "", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("adapter_config.json")]
    [InlineData("adapter_model.safetensors")]
    [InlineData("translation.json")]
    public void Translate_FileOfAnAdapterThatIsNone_IsRefusedByName(string name)
    {
        Skipped.Unless(OperatingSystem.IsLinux(), "Devices are told from files on Linux alone.");
        foreach (var kind in new[] { "pipe", "device", "folder", "large" })
        {
            using var folder = new TemporaryFolder();
            var adapter = FreshAdapter(folder.Path);
            var path = Path.Combine(adapter, name);
            File.Delete(path);
            SpecialFile.Make(kind, path);

            var (code, output, error) = Run("x\n", "--model", Model, "--adapter", adapter);

            Assert.Equal((2, ""), (code, output));
            Assert.Contains(name, error, StringComparison.Ordinal);
            Assert.Contains(
                kind switch
                {
                    "folder" => "it is a folder",
                    "large" => name.EndsWith(".json", StringComparison.Ordinal)
                        ? "wanted 1048576 at most" : "it is not JSON",
                    _ => "not a regular file",
                },
                error, StringComparison.Ordinal);
        }
    }

    /// <summary>Adds tensors of one number each to a safetensors file.</summary>
    private static void AddTensors(string path, IEnumerable<string> names)
    {
        var bytes = File.ReadAllBytes(path);
        var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        var header = JsonNode.Parse(bytes.AsSpan(8, length))!.AsObject();
        var end = bytes.Length - 8 - length;
        foreach (var name in names)
        {
            header[name] = new JsonObject
            {
                ["dtype"] = "F32",
                ["shape"] = new JsonArray(1, 1),
                ["data_offsets"] = new JsonArray(end, end + 4),
            };
            end += 4;
        }

        var written = Encoding.UTF8.GetBytes(header.ToJsonString());
        Array.Resize(ref written, (written.Length + 7) / 8 * 8);
        written.AsSpan().Replace((byte)0, (byte)' ');
        var size = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(size, written.Length);
        File.WriteAllBytes(
            path, [.. size, .. written, .. bytes.AsSpan(8 + length), .. new byte[end - (bytes.Length - 8 - length)]]);
    }

    /// <summary>An adapter that changes nothing yet, and no card beside it.</summary>
    private static string FreshAdapter(string folder)
    {
        var adapter = Path.Combine(folder, "adapter");
        LoraAdapter.Create(Gemma3Checkpoint.ReadConfig(Model), new LoraOptions { Rank = 2, Alpha = 4 }, 1)
            .Save(adapter, Model);
        return adapter;
    }

    private static (int Code, string Output, string Error) Run(string input, params string[] arguments) =>
        RunBytes(Encoding.UTF8.GetBytes(input), arguments);

    private static (int Code, string Output, string Error) RunBytes(byte[] input, params string[] arguments)
    {
        using var output = new MemoryStream();
        using var error = new StringWriter { NewLine = "\n" };
        var command = TranslateCommand.Create(
            () => new MemoryStream(input), () => output, error);
        var code = command.Parse(arguments).Invoke();
        return (code, Encoding.UTF8.GetString(output.ToArray()), error.ToString());
    }
}
