using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.TestKit;

namespace Workflows.Cli.Tests;

public sealed class RequestFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Read_EveryPath_IsMeantFromTheFile()
    {
        var request = Read("""
            {
              // Comments are allowed.
              "model": "models/tiny,v2",
              "data": {"train": "a.ko, a.en", "test": "/data/test.tsv", "validation": "valid.tsv",},
              "rehearsal": {"scenario": "scenario.json"},
              "variants": [{"name": "a"}, {"model": "models/other"}, "no object"]
            }
            """);

        Assert.Equal(Here("models/tiny,v2"), Field(request, "model"));
        Assert.Equal(Here("models/other"), request.GetProperty("variants")[1].GetProperty("model").GetString());
        Assert.Equal($"{Here("a.ko")},{Here("a.en")}", Field(request, "data", "train"));
        Assert.Equal("/data/test.tsv", Field(request, "data", "test"));
        Assert.Equal(Here("valid.tsv"), Field(request, "data", "validation"));
        Assert.Equal(Here("scenario.json"), Field(request, "rehearsal", "scenario"));
    }

    [Theory]
    [InlineData("pipe", "is not a regular file")]
    [InlineData("device", "is not a regular file")]
    [InlineData("folder", "is a folder")]
    [InlineData("large", "has more than 8388608 bytes")]
    public void Read_RequestThatIsNoFile_IsRefusedByName(string kind, string words)
    {
        Skipped.Unless(OperatingSystem.IsLinux(), "Devices are told from files on Linux alone.");
        SpecialFile.Make(kind, _folder["special.json"]);

        var fault = Assert.Throws<CommandException>(() => RequestFile.Read(_folder["special.json"], null, null));

        Assert.Equal(ExitCodes.Invalid, fault.ExitCode);
        Assert.Contains($"'{_folder["special.json"]}' {words}", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"model": "m"}""", "^run-[0-9a-f]{10}$")]
    [InlineData("""{"model": "m", "id": null}""", "^run-[0-9a-f]{10}$")]
    [InlineData("""{"model": "m", "ID": "mine"}""", "^mine$")]
    [InlineData("""{"model": "m", "id": ""}""", "^$")]
    public void WithId_NamesTheRunWhereTheRequestDoesNot(string json, string pattern)
    {
        var request = JsonNode.Parse(RequestFile.WithId(json))!.AsObject();

        var id = Assert.Single(request, member => member.Key.Equals("id", StringComparison.OrdinalIgnoreCase)).Value;
        Assert.Matches(pattern, id!.GetValue<string>());
        Assert.Equal("m", request["model"]!.GetValue<string>());
    }

    [Fact]
    public void Read_NamesInAnyCase_AreTheSameFields()
    {
        var request = Read("""{"Model": "tiny", "DATA": {"Train": "a.tsv", "Test": "t.tsv"}}""", "new.tsv");

        Assert.Equal(Here("tiny"), Field(request, "Model"));
        Assert.Equal(Path.GetFullPath("new.tsv"), Field(request, "DATA", "Train"));
        Assert.False(request.GetProperty("DATA").TryGetProperty("Test", out _));
        Assert.Single(request.GetProperty("DATA").EnumerateObject());
    }

    [Fact]
    public void Read_OtherTrainingPairs_LeaveTheOldTestAndValidationOut()
    {
        const string Json = """
            {"data": {"train": "a.tsv", "test": "t.tsv", "validation": "v.tsv", "testFraction": 0.2}}
            """;

        var train = Read(Json, "new.tsv").GetProperty("data");
        var both = Read(Json, "new.tsv", "new-test.tsv").GetProperty("data");
        var test = Read(Json, null, "new-test.tsv").GetProperty("data");
        var fresh = Read("{}", null, "new-test.tsv").GetProperty("data");

        Assert.Equal(["train", "testFraction"], train.EnumerateObject().Select(field => field.Name));
        Assert.Equal(["train", "testFraction", "test"], both.EnumerateObject().Select(field => field.Name));
        Assert.Equal(Path.GetFullPath("new-test.tsv"), test.GetProperty("test").GetString());
        Assert.Equal(Here("v.tsv"), test.GetProperty("validation").GetString());
        Assert.Equal(Path.GetFullPath("new-test.tsv"), fresh.GetProperty("test").GetString());
    }

    [Theory]
    [InlineData("""{"data": {"train": "a", "Train": "b"}}""", "gives data.Train more than once")]
    [InlineData("""{"model": "a", "model": "b"}""", "gives model more than once")]
    [InlineData("""{"model": "a\u0000b"}""", "model has a character of code 0")]
    [InlineData("""{"data": {"validation": "a\u0000b"}}""", "data.validation has a character of code 0")]
    [InlineData("""{"data": {"train": "\ud83d"}}""", "data.train has half of a surrogate pair")]
    [InlineData("""{"tpu": {"zones": ["\ude00"]}}""", "tpu.zones has half of a surrogate pair")]
    [InlineData("""{"data": {"\ud83d": 1}}""", "a name in data has half of a surrogate pair")]
    [InlineData("[]", "does not hold a JSON object")]
    [InlineData("null", "does not hold a JSON object")]
    [InlineData("{", "is not JSON")]
    public void Read_WhatCannotBePassedOn_IsAnErrorInWords(string json, string message)
    {
        var error = Assert.Throws<CommandException>(() => Read(json));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Invalid, error.ExitCode);
    }

    [Theory]
    [InlineData("""{"data": {"train": "a.ko,"}}""", ",")]
    [InlineData("""{"data": {"train": ","}}""", ",")]
    public void Read_FileWithoutAName_IsLeftForTheServiceToName(string json, string end)
    {
        Assert.EndsWith(end, Field(Read(json), "data", "train"), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OptionWithoutAFile_IsNamed()
    {
        Assert.Contains("--data-train", Assert.Throws<CommandException>(() => Read("{}", "")).Message,
            StringComparison.Ordinal);
        Assert.Contains("--data-test", Assert.Throws<CommandException>(() => Read("{}", null, " ")).Message,
            StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static string Field(JsonElement element, params string[] path) =>
        path.Aggregate(element, (inner, name) => inner.GetProperty(name)).GetString()!;

    private string Here(string name) => Path.Combine(_folder.Path, name);

    private JsonElement Read(string json, string? dataTrain = null, string? dataTest = null)
    {
        using var document = JsonDocument.Parse(
            RequestFile.Read(_folder.Write("request.json", json), dataTrain, dataTest));
        return document.RootElement.Clone();
    }
}
