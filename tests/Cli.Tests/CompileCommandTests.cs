using System.CommandLine;
using System.Text.Json;
using Workflows.Cli.Commands;
using Workflows.TestKit;
using Workflows.TestKit.Models;
using Workflows.TpuWorker.Compile;

namespace Workflows.Cli.Tests;

/// <summary>
/// The programs of a run are counted and written without any plugin; a folder with config.json is enough.
/// </summary>
public sealed class CompileCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Compile_AFolderWithItsConfigurationAlone_CountsAndWritesThePrograms()
    {
        var (code, output, error) = await RunAsync(
            ConfigAlone(), "--topology", "v6e:1x1", "--batch", "4", "--length", "32", "--dump", _folder["dump"],
            "--json");

        Assert.True(code == 0, error);
        using var report = JsonDocument.Parse(output);
        var programs = report.RootElement.GetProperty("programs").EnumerateArray().ToList();
        Assert.Equal(
            ["training_step", "prefill", "decode"],
            programs.Select(program => program.GetProperty("name").GetString()));
        Assert.All(programs, program =>
        {
            Assert.True(program.GetProperty("flops").GetInt64() > 0);
            Assert.Contains(
                "stablehlo", File.ReadAllText(program.GetProperty("file").GetString()!), StringComparison.Ordinal);
        });
        Assert.Equal(4 * 32, report.RootElement.GetProperty("tokensPerStep").GetInt64());

        // Weights and both moments are overwritten in place.
        Assert.Equal(
            3 * 4 * report.RootElement.GetProperty("trainedParameters").GetInt64(),
            programs[0].GetProperty("donatedBytes").GetInt64());
    }

    [Fact]
    public async Task Compile_ASliceOfSeveralChips_SplitsTheProgramsOverThem()
    {
        var (code, output, error) = await RunAsync(
            ConfigAlone(), "--topology", "v5e:2x4", "--batch", "6", "--length", "32", "--dump", _folder["dump"],
            "--json");

        Assert.True(code == 0, error);
        using var report = JsonDocument.Parse(output);
        Assert.Equal(8, report.RootElement.GetProperty("chips").GetInt32());
        foreach (var name in (string[])["training_step", "prefill", "decode"])
        {
            var text = await File.ReadAllTextAsync(
                _folder[$"dump/{name}.mlir"], TestContext.Current.CancellationToken);
            Assert.Contains("sdy.mesh @mesh = <[\"chips\"=8]>", text, StringComparison.Ordinal);
            Assert.Contains("mhlo.num_partitions = 8", text, StringComparison.Ordinal);
            Assert.Contains("@mesh, [{\"chips\"}", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Compile_TwiceTheBatch_IsTwiceTheWorkForTheSameWeights()
    {
        var folder = ConfigAlone();

        var (once, twice) = (await FlopsAsync(folder, 4), await FlopsAsync(folder, 8));

        Assert.Equal(2 * once, twice);
    }

    [Fact]
    public async Task Compile_AnAdapter_TrainsItAlone()
    {
        var (_, output, _) = await RunAsync(
            ConfigAlone(), "--topology", "v5e:1x1", "--batch", "2", "--length", "16", "--lora-rank", "2", "--json");

        using var report = JsonDocument.Parse(output);
        Assert.Equal("lora (rank 2)", report.RootElement.GetProperty("method").GetString());
        Assert.True(report.RootElement.GetProperty("trainedParameters").GetInt64()
            < report.RootElement.GetProperty("parameters").GetInt64() / 4);
    }

    [Theory]
    [InlineData("--topology: 'v9:1x1' is not known", "--topology", "v9:1x1")]
    [InlineData("--topology: 'v6e:4x4' has 16 chips", "--topology", "v6e:4x4")]
    [InlineData("--topology: 'v6e:0x4' has no sizes", "--topology", "v6e:0x4")]
    [InlineData("--topology: 'v6e' has no sizes", "--topology", "v6e")]
    [InlineData("--topology: 'v6e:0x1' has no sizes", "--topology", "v6e:0x1")]
    [InlineData("--batch: 0 is out of range", "--topology", "v6e:1x1", "--batch", "0")]
    [InlineData("--lora-rank: -1 is out of range", "--topology", "v6e:1x1", "--lora-rank", "-1")]
    [InlineData("--plugin: ", "--topology", "v6e:1x1", "--plugin", "/nowhere/libtpu.so")]
    public async Task Compile_WithWhatCannotBe_NamesTheOption(string message, params string[] options)
    {
        var (code, _, error) = await RunAsync([ConfigAlone(), .. options]);

        Assert.Equal(ExitCodes.Invalid, code);
        Assert.StartsWith(message, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hf://google/gemma-3-1b-it")]
    [InlineData("gs://models/gemma")]
    [InlineData("s3://models/gemma")]
    public async Task Compile_AModelThatIsElsewhere_SaysWhatToDo(string model)
    {
        var request = _folder.Write("request.json", $$"""{"model": "{{model}}"}""");

        var (code, _, error) = await RunAsync(request, "--topology", "v6e:1x1");

        Assert.Equal(ExitCodes.Invalid, code);
        Assert.StartsWith($"model: '{model}' is no folder of this machine", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    public async Task Zones_ForgettingNothing_IsRefused(string place)
    {
        using var error = new StringWriter();

        var code = await ZonesCommand.Create().Parse(["--forget", place])
            .InvokeAsync(new InvocationConfiguration { Error = error }, TestContext.Current.CancellationToken);

        Assert.NotEqual(ExitCodes.Done, code);
        Assert.Contains("--forget names no place", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Compile_AFolderWithoutAConfiguration_SaysSo()
    {
        var (code, _, error) = await RunAsync(_folder.Path, "--topology", "v6e:1x1");

        Assert.Equal(ExitCodes.Invalid, code);
        Assert.Contains("config.json", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("v5e:1x1", 1, "v5litepod-1")]
    [InlineData("v5e:2x4", 8, "v5litepod-8")]
    [InlineData("v6e:2x2", 4, "v6e-4")]
    public void Parse_AKnownTopology_HasItsAcceleratorTypeAndTheLimitThatTheCompilerNames(
        string topology, int chips, string type)
    {
        var slice = TpuSlice.Parse(topology);

        Assert.Equal((chips, type), (slice.Chips, slice.AcceleratorType));
        Assert.True(slice.Chip.Name != "v5e" || slice.Chip.MemoryBytes == 16_909_332_480);
    }

    private static async Task<long> FlopsAsync(string folder, int batch)
    {
        var (code, output, error) = await RunAsync(
            folder, "--topology", "v6e:1x1", "--batch", $"{batch}", "--length", "32", "--json");
        Assert.True(code == 0, error);
        using var report = JsonDocument.Parse(output);
        return report.RootElement.GetProperty("programs")[0].GetProperty("flops").GetInt64();
    }

    private string ConfigAlone()
    {
        TinyModel.Write(_folder["whole"]);
        Directory.CreateDirectory(_folder["model"]);
        File.Copy(Path.Combine(_folder["whole"], "config.json"), Path.Combine(_folder["model"], "config.json"), true);
        return _folder["model"];
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await CompileCommand.Create(output, error).Parse(arguments).InvokeAsync(
            cancellationToken: TestContext.Current.CancellationToken);
        return (code, output.ToString(), error.ToString());
    }
}
