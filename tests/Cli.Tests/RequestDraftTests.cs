using System.Text.Json.Nodes;
using Workflows.Activities.Capacity;
using Workflows.Cli.Starting;
using Workflows.Orchestrations;
using Workflows.Service.Runs;
using Workflows.TestKit;

namespace Workflows.Cli.Tests;

/// <summary>workflows init: a request that the service takes, of what is at hand and a few answers.</summary>
public sealed class RequestDraftTests : IDisposable
{
    private static readonly InitAnswers None = new(null, null, null, null, null, null);
    private readonly TemporaryFolder _folder = new("init-");

    private string Target => _folder["request.json"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Write_WithCorporaAtHand_ProposesTheLargestAndTheTestBesideIt()
    {
        Corpus("data/train.tsv", 500);
        Corpus("data/test.tsv", 40);
        Corpus("small.tsv", 20);
        File.WriteAllText(_folder["notes.json"], "{\"a\": 1}");
        File.WriteAllText(_folder["readme.txt"], "nothing\tof use\n");
        File.WriteAllBytes(_folder["broken.parquet"], [1, 2, 3]);

        var said = RequestDraft.Write(Target, None, null, isForced: false);

        var request = JsonNode.Parse(File.ReadAllText(Target))!;
        Assert.Equal("data/train.tsv", (string?)request["data"]!["train"]);
        Assert.Equal("data/test.tsv", (string?)request["data"]!["test"]);
        Assert.Equal("ko-en", (string?)request["direction"]);
        Assert.NotNull(request["rehearsal"]);
        Assert.Equal("a rehearsal, 500 pairs of data/train.tsv, 94 steps", said);
        RunRequestReader.Complete(
            RunRequestReader.Parse(RequestFile.Read(Target, null, null)), new RunId("r"), PriceCatalog.Load(null));
        Assert.Equal(["request.json"], Directory.GetFiles(_folder.Path, "request*").Select(Path.GetFileName));
    }

    [Fact]
    public void Write_AskedAtATerminal_TakesTheAnswersAndAsksAgainForWrongOnes()
    {
        Corpus("pairs.tsv", 100);
        using var output = new StringWriter();
        using var input = new StringReader("\n\nboth ways\nboth\nmy-project\nten\n25\n");

        RequestDraft.Write(Target, None, new Questions(input, output), isForced: false);

        var request = JsonNode.Parse(File.ReadAllText(Target))!;
        Assert.Equal("pairs.tsv", (string?)request["data"]!["train"]);
        Assert.Equal(
            ("both", "my-project", 25.0),
            ((string?)request["direction"], (string?)request["project"], (double?)request["budgetUsd"]));
        Assert.Null(request["rehearsal"]);
        Assert.Contains("pairs.tsv: 100 pairs", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("Use ko-en, en-ko, both.", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_OntoAFileThatIsThere_KeepsItUnlessForced()
    {
        Corpus("pairs.tsv", 100);
        File.WriteAllText(Target, "mine");

        var fault = Assert.Throws<CommandException>(() => RequestDraft.Write(Target, None, null, isForced: false));
        Assert.Contains("--force", fault.Message, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(Target));
        RequestDraft.Write(Target, None, null, isForced: true);
        Assert.StartsWith("{", File.ReadAllText(Target), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, null, null, "--data-train")]
    [InlineData("nothing.tsv", null, null, "data.train")]
    [InlineData("pairs.tsv", "/no/such/model", null, "model")]
    [InlineData("pairs.tsv", null, -1.0, "budgetUsd")]
    public void Write_AnswersThatMakeNoRequest_NamesTheFieldAndWritesNothing(
        string? train, string? model, double? budget, string field)
    {
        if (train == "pairs.tsv")
        {
            Corpus(train, 100);
        }

        var fault = Assert.Throws<CommandException>(() => RequestDraft.Write(
            Target, None with { Train = train, Model = model, BudgetUsd = budget }, null, isForced: false));

        Assert.Contains(field, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(
            Directory.GetFiles(_folder.Path), path => path.Contains("request", StringComparison.Ordinal));
    }

    [Fact]
    public void Write_InputThatEnds_WritesNothing()
    {
        Corpus("pairs.tsv", 100);
        using var output = new StringWriter();
        using var input = new StringReader("\n");

        Assert.Throws<CommandException>(
            () => RequestDraft.Write(Target, None, new Questions(input, output), isForced: false));
        Assert.False(File.Exists(Target));
    }

    private void Corpus(string name, int pairs)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder[name])!);
        File.WriteAllLines(_folder[name], ["ko\ten", .. Enumerable.Range(1, pairs).Select(
            each => $"나는 {each}번 버스를 탑니다.\tI take bus number {each}.")]);
    }
}
