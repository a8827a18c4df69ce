using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using Workflows.Activities.Data;
using Workflows.Service.Runs;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Runs;

/// <summary>
/// The scenario of a rehearsal is read once, and what is read is used: after the check of the request the file may be
/// another one.
/// </summary>
public sealed class ScenarioFileTests(RunningService service) : IClassFixture<RunningService>
{
    [Fact]
    public void Read_AFile_GivesItsTextByItsMark()
    {
        using var folder = new TemporaryFolder();
        const string scenario = """{"createSeconds": 1}""";
        byte[] marked = [.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(scenario)];

        Assert.Equal("{}", ScenarioFile.Read(null));
        Assert.Equal(scenario, ScenarioFile.Read(folder.Write("a b.json", scenario)));
        Assert.Equal(scenario, ScenarioFile.Read(new Uri(folder.Write("a b.json", marked)).AbsoluteUri));
    }

    [Theory]
    [InlineData("pipe", "not a regular file")]
    [InlineData("device", "not a regular file")]
    [InlineData("folder", "it is a folder")]
    [InlineData("missing", "there is no such file")]
    [InlineData("large", "bytes, wanted 1048576 at most")]
    public void Read_AFileThatCannotBe_NamesTheFieldAtOnce(string kind, string problem)
    {
        Skipped.Unless(OperatingSystem.IsLinux(), "Devices are told from files on Linux alone.");
        using var folder = new TemporaryFolder();
        var path = kind == "device" ? "/dev/zero" : kind == "folder" ? folder.Path : folder["scenario.json"];
        if (kind == "pipe")
        {
            using var made = Process.Start("mkfifo", path);
            made.WaitForExit();
        }
        else if (kind == "large")
        {
            using var file = File.Create(path);
            file.SetLength(InputFile.MostScenarioBytes + 1);
        }

        var fault = Assert.Throws<RunRequestException>(() => ScenarioFile.Read(path));

        var error = Assert.Single(fault.Errors);
        Assert.Equal("rehearsal.scenario", error.Field);
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    /// <summary>The doctor's project is named by the text that was read, so another text is another project.</summary>
    [Fact]
    public async Task Doctor_ScenarioThatChanged_IsReadAnew()
    {
        var request = service.Request();
        var path = request["rehearsal"]!["scenario"]!.GetValue<string>();
        async Task<string> AskAsync(string scenario)
        {
            await File.WriteAllTextAsync(path, scenario);
            using var answer = await service.Http.PostAsJsonAsync("/doctor", request);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return await answer.Content.ReadAsStringAsync();
        }

        var without = await AskAsync("{}");
        var denied = await AskAsync("""{"deniedPermissions": ["tpu.nodes.delete"]}""");

        Assert.DoesNotContain("tpu.nodes.delete", without, StringComparison.Ordinal);
        Assert.Contains("tpu.nodes.delete", denied, StringComparison.Ordinal);
    }
}
