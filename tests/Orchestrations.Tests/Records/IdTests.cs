namespace Workflows.Orchestrations.Tests.Records;

public sealed class IdTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("run-1a2b3c4d5e")]
    [InlineData("a23456789-123456789-123456789-123456789-")]
    public void RunId_ThatKeepsTheRule_IsItsText(string text)
    {
        Assert.True(RunId.TryParse(text, out var id));

        Assert.Equal((text, text), (id.Value, $"{id}"));
        Assert.Equal(new RunId(text), id);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("1run")]
    [InlineData("-run")]
    [InlineData("Run")]
    [InlineData("run_1")]
    [InlineData("run/../x")]
    [InlineData("run\n")]
    [InlineData("런")]
    [InlineData("a23456789-123456789-123456789-123456789-1")]
    public void RunId_ThatBreaksTheRule_IsRefusedWithTheRule(string? text)
    {
        Assert.False(RunId.TryParse(text, out var id));

        Assert.Equal(default, id);
        if (text is not null)
        {
            var fault = Assert.Throws<FormatException>(() => new RunId(text));
            Assert.Contains($"'{text}'", fault.Message, StringComparison.Ordinal);
            Assert.Contains("up to 40 lower-case letters", fault.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void RunId_ThatWasNeverGiven_CannotBeUsedAsOne()
    {
        Assert.Equal("", $"{default(RunId)}");
        Assert.Throws<InvalidOperationException>(() => default(RunId).Value);
    }

    [Theory]
    [InlineData("projects/p/locations/us-west4-a/nodes/wf-run-1", "wf-run-1")]
    [InlineData("projects/example.com:p/locations/us-west4-a/nodes/n", "n")]
    [InlineData("", "")]
    public void NodeName_OfTheCloud_HasAnId(string text, string nodeId)
    {
        Assert.True(NodeName.TryParse(text, out var name));

        Assert.Equal((text, nodeId), ($"{name}", name.NodeId));
        Assert.Equal(text.Length == 0, name == NodeName.None);
    }

    [Theory]
    [InlineData("wf-run-1")]
    [InlineData("projects/p/locations/z/nodes/")]
    [InlineData("projects/p/locations/z/nodes/a/b")]
    [InlineData("projects/p/locations//nodes/n")]
    [InlineData("projects/p/locations/z/nodes/n\n")]
    [InlineData("projects/p/locations/z/queuedResources/n")]
    public void NodeName_ThatIsNone_IsRefusedWithTheForm(string text)
    {
        Assert.False(NodeName.TryParse(text, out var name));

        Assert.Equal(NodeName.None, name);
        var fault = Assert.Throws<FormatException>(() => new NodeName(text));
        Assert.Contains("projects/PROJECT/locations/ZONE/nodes/NODE", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NodeName_OfParts_PutsThemInPlaceAndRefusesAPartWithASlash()
    {
        Assert.Equal("projects/p/locations/z/nodes/n", $"{NodeName.Of("p", "z", "n")}");
        Assert.Throws<FormatException>(() => NodeName.Of("p", "z", "a/b"));
        Assert.Throws<FormatException>(() => NodeName.Of("", "z", "n"));
    }
}
