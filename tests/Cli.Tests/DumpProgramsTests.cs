using System.Text.Json;
using Workflows.TestKit;

namespace Workflows.Cli.Tests;

/// <summary>The script that writes the programs of published models for compilers elsewhere.</summary>
public sealed class DumpProgramsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("workflows-dump-");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Script_WithoutNames_WritesEachConfiguration()
    {
        var (code, output, error) = await RunAsync("");

        Assert.True(code == 0, error);
        (string Name, long Parameters, long Trained)[] expected =
        [
            ("1b-full-v5e-2x2", 999_885_952, 999_885_952),
            ("1b-lora-v5e-1x1", 999_885_952, 13_045_760),
            ("1b-lora-v6e-1x1", 999_885_952, 13_045_760),
            ("270m-full-v6e-1x1", 268_098_176, 268_098_176),
            ("4b-full-v5e-2x4", 3_880_263_168, 3_880_263_168),
            ("4b-lora-v5e-1x1", 3_880_263_168, 29_802_496),
        ];
        var written = Directory.GetDirectories(_folder["programs"]).Order(StringComparer.Ordinal);
        Assert.Equal(expected, written.Select(path =>
        {
            using var report = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(path, "report.json")));
            Assert.All(
                ["training_step.mlir", "prefill.mlir", "decode.mlir", "compile_options.pb", "config.json"],
                file => Assert.True(new FileInfo(Path.Combine(path, file)).Length > 0, $"{path}: {file}"));
            return (
                Path.GetFileName(path), report.RootElement.GetProperty("parameters").GetInt64(),
                report.RootElement.GetProperty("trainedParameters").GetInt64());
        }));
        Assert.Contains("4b-full-v5e-2x4: Gemma 3 4b, 16 x 256 tokens, full fine-tuning, v5e:2x4", output,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Script_WithNames_WritesThoseAlone()
    {
        var (code, _, error) = await RunAsync("270m-full-v6e-1x1");

        Assert.True(code == 0, error);
        Assert.Equal(
            ["270m-full-v6e-1x1"], Directory.GetDirectories(_folder["programs"]).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("270m", "there is no '270m'; use 270m-full-v6e-1x1, ")]
    [InlineData("1b-lora-v5e-1x1 7b", "there is no '7b'; use ")]
    public async Task Script_WithAnUnknownName_NamesTheOthersAndWritesNothing(string names, string words)
    {
        var (code, _, error) = await RunAsync(names);

        Assert.Equal(2, code);
        Assert.Contains(words, error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["programs"]));
    }

    private Task<(int ExitCode, string Output, string Error)> RunAsync(string names)
    {
        Command.Require("bash", "the script eng/dump-programs.sh");
        var command = Path.Combine(AppContext.BaseDirectory, "Workflows.Cli.dll");
        var script = Checkout.PathOf("eng", "dump-programs.sh");
        return Command.RunAsync(
            "bash", ["-c", $"WORKFLOWS='dotnet {command}' '{script}' '{_folder["programs"]}' {names}"]);
    }
}
