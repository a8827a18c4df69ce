using System.Text.Json.Nodes;
using Workflows.TestKit;

namespace Workflows.Cli.Tests;

public sealed class RequestChangeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Set_FieldsOfEveryKind_TakeTheirPlace()
    {
        var request = Read(
            "training.steps=20", "NAME=a = b", "tpu.zones=[\"us-west4-a\"]", "training.validation={}",
            "allowOverBudget=true");

        Assert.Equal(20, (int)request["training"]!["steps"]!);
        Assert.Equal(3, (int)request["training"]!["seed"]!);
        Assert.Equal("a = b", (string)request["name"]!);
        Assert.Equal("us-west4-a", (string)request["tpu"]!["zones"]![0]!);
        Assert.Empty(request["training"]!["validation"]!.AsObject());
        Assert.True((bool)request["allowOverBudget"]!);
    }

    [Fact]
    public void Set_Paths_AreOfTheCurrentFolder()
    {
        var request = Read("data.train=a.tsv,b.tsv", "model=hf://google/gemma-3-270m");

        Assert.Equal(
            $"{Path.GetFullPath("a.tsv")},{Path.GetFullPath("b.tsv")}", (string)request["data"]!["train"]!);
        Assert.Equal("hf://google/gemma-3-270m", (string)request["model"]!);
    }

    [Theory]
    [InlineData("training.steps")]
    [InlineData("=5")]
    [InlineData("training..steps=5")]
    [InlineData("")]
    public void Set_NoChange_SaysHowToWriteOne(string change) => Assert.Contains(
        "--set training.steps=20",
        Assert.Throws<CommandException>(() => Read(change)).Message, StringComparison.Ordinal);

    [Fact]
    public void Set_ThroughAValueThatIsNoObject_NamesIt() => Assert.Contains(
        "'name' in 'name.first=x' is no object",
        Assert.Throws<CommandException>(() => Read("name.first=x")).Message, StringComparison.Ordinal);

    private JsonObject Read(params string[] changes)
    {
        var path = Path.Combine(_folder.Path, "request.json");
        File.WriteAllText(path, """{"name": "n", "model": "m", "training": {"steps": 400, "seed": 3}}""");
        return JsonNode.Parse(RequestFile.Read(path, null, null, changes), RequestFile.AnyCase)!.AsObject();
    }
}
