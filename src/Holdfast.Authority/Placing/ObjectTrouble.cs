using Holdfast.Format;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Placing;

internal static class ObjectTrouble
{
    /// <summary>True if a failure concerns one object (damaged, gone, not what it says it is), so that others can be read all the same; false if the pod or a database does not answer.</summary>
    public static bool IsOfOneObject(this Exception exception) => exception is MalformedObjectException
        || (exception is HoldfastException { Kind: var kind } && kind != FailureTable.PodUnavailable && kind != FailureTable.PodBusy && kind != FailureTable.ServiceUnavailable && kind != FailureTable.Fenced);
}
