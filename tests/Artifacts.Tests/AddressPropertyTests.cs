using System.Text;
using Workflows.TestKit;

namespace Workflows.Artifacts.Tests;

/// <summary>Addresses of every kind: what is taken can be written and read again, and leads nowhere else.</summary>
public sealed class AddressPropertyTests
{
    [Theory]
    [InlineData("file:///data/a%00b", "control character")]
    [InlineData("file:///data/a%0Ab", "control character")]
    [InlineData("file:///data/a%1Bb", "control character")]
    [InlineData("hf://o/n@a%00b", "control character")]
    [InlineData("hf://o/n@..%2F..%2F..%2Fetc", "'..'")]
    [InlineData("hf://o/n@refs%2F%2Fpr", "empty part")]
    [InlineData("hf://o/n@.", "'.'")]
    [InlineData("hf://o/n@a b", "revision")]
    [InlineData("hf://o/n@a:b", "revision")]
    [InlineData("hf://../n", "hf://ORG/NAME")]
    [InlineData("hf://o/..", "hf://ORG/NAME")]
    [InlineData("hf://o/n@main@main/x", "hf://ORG/NAME")]
    [InlineData("hf://datasets/../o/n", "hf://ORG/NAME")]
    [InlineData("gs://my..bucket/x", "no name of a bucket")]
    [InlineData("gs://my.-bucket/x", "no name of a bucket")]
    [InlineData("gs://192.168.5.4/x", "no name of a bucket")]
    [InlineData("gs://goog-bucket/x", "no name of a bucket")]
    [InlineData("gs://my-bucket-/x", "no name of a bucket")]
    [InlineData("gs://-bucket/x", "no name of a bucket")]
    [InlineData("gs://bücket/x", "no name of a bucket")]
    [InlineData("gs://bucket /x", "no name of a bucket")]
    [InlineData("gs://bucket\\x/y", "no name of a bucket")]
    [InlineData("gs://bucket@host/y", "no name of a bucket")]
    [InlineData("gs://bucket/.", "'.'")]
    [InlineData("gs://bucket/a/./b", "'.'")]
    [InlineData("gs://bucket/a/..", "'..'")]
    [InlineData("gs://bucket/a\u0085b", "control character")]
    [InlineData("file:relative", "relative")]
    [InlineData("file://", "three slashes")]
    [InlineData("file://localhost/x", "three slashes")]
    [InlineData("file:////server/share", "three slashes")]
    [InlineData("~/model", "relative")]
    [InlineData("\\\\server\\share", "relative")]
    [InlineData(" gs://bucket/x", "no place")]
    public void Parse_OfAHostileAddress_SaysWhatIsWrong(string text, string expected)
    {
        var fault = Assert.Throws<ArtifactException>(() => ArtifactUri.Parse(text));

        Assert.Equal(ArtifactFault.Address, fault.Fault);
        Assert.Contains(expected, fault.Problem, StringComparison.Ordinal);
        Assert.DoesNotContain(fault.Message, char.IsControl);
    }

    [Theory]
    [InlineData("gs://my.bucket.example.com/x", "x")]
    [InlineData("gs://my_bucket/a%2e%2e/b", "a%2e%2e/b")]
    [InlineData("gs://123/한 글🙂/b\\c", "한 글🙂/b\\c")]
    [InlineData("gs://bucket/...", "...")]
    [InlineData("gs://bucket/a..b/.c", "a..b/.c")]
    [InlineData("hf://o/n@refs%2Fpr%2F1/x", "x")]
    [InlineData("file:///data/%ED%95%9C", "/data/한")]
    [InlineData("/data/a\\b", "/data/a\\b")]
    [InlineData("/data/../etc/./x", "/etc/x")]
    public void Parse_OfAnUnusualAddress_IsTaken(string text, string path)
    {
        var uri = ArtifactUri.Parse(text);

        Assert.Equal(path, uri.Path);
        Assert.Equal(uri, ArtifactUri.Parse(uri.ToString()));
    }

    [Fact]
    public void Parse_OfHalfACharacter_IsRefused() => Assert.All(
        (string[])["gs://bucket/\uD800", "hf://o/n/\uDC00x", "/data/\uD83D", "file:///\uDE42"],
        text => Assert.Contains(
            "half of a character", Assert.Throws<ArtifactException>(() => ArtifactUri.Parse(text)).Problem,
            StringComparison.Ordinal));

    /// <summary>A name that looks like an escape is a name, and comes back as it was.</summary>
    [Theory]
    [InlineData("/data/a%2Fb")]
    [InlineData("/data/%2e%2e")]
    [InlineData("/data/100%")]
    [InlineData("/data/%25")]
    [InlineData("/data/a+b c")]
    [InlineData("/data/a\\b")]
    public void ToString_OfAPathWithEscapes_ComesBack(string path)
    {
        var uri = ArtifactUri.OfFile(path);

        Assert.Equal(path, ArtifactUri.Parse(uri.ToString()).Path);
        Assert.Equal(path, ArtifactUri.Parse(uri.ToText()).Path);
    }

    /// <summary>Any text: an address that means the same when it is written and read again, or its own fault.</summary>
    [Fact]
    public void TryParse_OfAnyText_IsAnAddressOrAFault() => Seeds.Try(3000, random =>
    {
        string[] pieces =
        [
            "gs://", "hf://", "file://", "/", "//", "datasets/", "bucket", "o", "n", "@", "main", "..", ".", "%2e",
            "%2F", "%00", "%", "한", "🙂", " ", "#", "?", "\\", ":", "\0", "\n", "\uD800", "-", "_", "A",
            "artifact.json", "~", "*",
        ];
        var text = string.Concat(random.GetItems(pieces, random.Next(1, 10)));

        var uri = ArtifactUri.TryParse(text, out var fault);

        Assert.True(uri is null == fault is not null, $"'{text}' is {uri} and {fault}");
        if (uri is null)
        {
            return;
        }

        var written = uri.ToString();
        Assert.Equal(uri, ArtifactUri.Parse(written));
        Assert.DoesNotContain(written, char.IsControl);
        Assert.True(
            uri.Scheme == ArtifactScheme.File
                ? Path.GetFullPath(uri.Path) == uri.Path
                : !uri.Path.Split('/').Any(part => part is "." or ".."),
            $"'{text}' leads to {uri.Path}");
    });

    /// <summary>A child lies below its parent and nowhere else, and the way back is the name that was given.</summary>
    [Fact]
    public void Child_OfAnyName_LiesBelowOrIsRefused() => Seeds.Try(2000, random =>
    {
        string[] roots = ["/data/run", "/", "gs://bucket", "gs://bucket/run", "hf://o/n", "hf://datasets/o/n@v1/d"];
        string[] pieces = ["a", "b/c", "/", "..", ".", "%2e%2e", "\\", "한", "🙂", " ", "\0", "\n", "\uDC00", "~", "-"];
        var root = ArtifactUri.Parse(roots[random.Next(roots.Length)]);
        var name = string.Concat(random.GetItems(pieces, random.Next(0, 6)));
        try
        {
            var child = root.Child(name);

            Assert.Equal(name, child.RelativeTo(root));
            Assert.Equal(child, ArtifactUri.Parse(child.ToString()));
            Assert.Equal((root.Scheme, root.Container, root.Revision), (child.Scheme, child.Container, child.Revision));
            Assert.Null(root.RelativeTo(child));
        }
        catch (ArtifactException fault)
        {
            Assert.Equal(ArtifactFault.Address, fault.Fault);
            Assert.True(
                name.Length == 0 || name.Split('/').Any(part => part is "" or "." or "..") || name.Any(char.IsControl)
                    || !Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(name)).Equals(name, StringComparison.Ordinal),
                $"'{name}' was refused: {fault.Message}");
        }
    });
}
