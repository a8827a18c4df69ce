namespace Workflows.Artifacts.Tests;

public sealed class ArtifactUriTests
{
    [Theory]
    [InlineData("/data/runs/x", ArtifactScheme.File, "", "/data/runs/x", "file:///data/runs/x")]
    [InlineData("/data/runs/x/", ArtifactScheme.File, "", "/data/runs/x", "file:///data/runs/x")]
    [InlineData("file:///data/a%20b", ArtifactScheme.File, "", "/data/a b", "file:///data/a%20b")]
    [InlineData("/data/한 #?%", ArtifactScheme.File, "", "/data/한 #?%", "file:///data/%ED%95%9C%20%23%3F%25")]
    [InlineData("gs://my-bucket", ArtifactScheme.CloudStorage, "my-bucket", "", "gs://my-bucket")]
    [InlineData("gs://my-bucket/", ArtifactScheme.CloudStorage, "my-bucket", "", "gs://my-bucket")]
    [InlineData("gs://my-bucket/a/b c#", ArtifactScheme.CloudStorage, "my-bucket", "a/b c#", "gs://my-bucket/a/b c#")]
    [InlineData("hf://google/gemma-3", ArtifactScheme.Hub, "google/gemma-3", "", "hf://google/gemma-3")]
    [InlineData("hf://o/n@main/f.json", ArtifactScheme.Hub, "o/n", "f.json", "hf://o/n/f.json")]
    [InlineData("hf://datasets/o/n@v1/d/f", ArtifactScheme.Hub, "o/n", "d/f", "hf://datasets/o/n@v1/d/f")]
    public void Parse_OfAnAddress_KnowsItsPartsAndWritesItBack(
        string text, ArtifactScheme scheme, string container, string path, string written)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "These paths are those of Unix.");
        var uri = ArtifactUri.Parse(text);

        Assert.Equal((scheme, container, path, written), (uri.Scheme, uri.Container, uri.Path, uri.ToString()));
        Assert.Equal(uri, ArtifactUri.Parse(written));
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("  ", "empty")]
    [InlineData("runs/x", "relative")]
    [InlineData("s3://b/x", "'s3://' is no place")]
    [InlineData("https://huggingface.co/google/gemma", "'https://' is no place")]
    [InlineData("GS://b/x", "'GS://' is no place")]
    [InlineData("file://host/x", "three slashes")]
    [InlineData("file:///a?b", "%3F")]
    [InlineData("gs://", "no name of a bucket")]
    [InlineData("gs:///x", "no name of a bucket")]
    [InlineData("gs://Bucket/x", "no name of a bucket")]
    [InlineData("gs://ab/x", "no name of a bucket")]
    [InlineData("gs://bucket//x", "empty part")]
    [InlineData("gs://bucket/../x", "'..'")]
    [InlineData("hf://gemma", "hf://ORG/NAME")]
    [InlineData("hf://o/n@", "hf://ORG/NAME")]
    [InlineData("hf://datasets/n", "hf://ORG/NAME")]
    [InlineData("hf://o/n/../x", "'..'")]
    [InlineData("gs://bucket/a\nb", "control character")]
    public void Parse_OfRubbish_SaysWhatIsWrong(string text, string expected)
    {
        var fault = Assert.Throws<ArtifactException>(() => ArtifactUri.Parse(text));

        Assert.Equal("ARTIFACT_ADDRESS_INVALID", fault.ErrorCode);
        Assert.Contains(expected, fault.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_OfANameBeyondTheLimit_IsRefused() => Assert.Contains("longer than 1024 bytes",
        Assert.Throws<ArtifactException>(() => ArtifactUri.Parse($"gs://bucket/{new string('가', 342)}")).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("../x")]
    [InlineData("a//b")]
    [InlineData("")]
    [InlineData("/x")]
    public void Child_OutsideTheFolder_IsRefused(string relative) => Assert.All(
        (string[])["/data", "gs://bucket/p", "hf://o/n"],
        root => Assert.Throws<ArtifactException>(() => ArtifactUri.Parse(root).Child(relative)));

    [Fact]
    public void RelativeTo_OfASiblingWithTheSameBeginning_IsNull()
    {
        var root = ArtifactUri.Parse("gs://bucket/run");

        Assert.Equal("a/b", root.Child("a/b").RelativeTo(root));
        Assert.Null(ArtifactUri.Parse("gs://bucket/runs/a").RelativeTo(root));
        Assert.Null(ArtifactUri.Parse("gs://other-bucket/run/a").RelativeTo(root));
        Assert.Null(root.RelativeTo(root));
    }
}
