#include "filter/refusal_forms.h"

namespace tpt::filter {

namespace {

using Forms = std::vector<RefusalForm>;

Forms english() {
  static const std::vector<std::string_view> kCannot = {
      "can't", "cannot",   "can not",         "unable to",    "not able to",
      "won't", "will not", "am not going to", "must decline", "not comfortable"};
  static const std::vector<std::string_view> kActs = {
      "assist",  "help",     "provide",     "fulfil",   "comply",  "continue with",
      "answer",  "do that",  "engage",      "generate", "create",  "write",
      "discuss", "complete", "process",     "analyze",  "analyse", "support",
      "respond", "simulate", "participate", "decline",  "share",   "offer",
      "access",  "content",  "request",     "give",     "perform", "produce"};
  return {
      {{"i'm sorry, but", "i am sorry, but", "sorry, but i", "sorry, i", "i'm sorry, i",
        "i'm sorry. i", "i'm really sorry, but", "i'm very sorry, but", "i apologize, but",
        "i apologise, but", "my apologies, but", "apologies, but", "i apologize for",
        "unfortunately, i", "i regret that i", "i'm afraid i"},
       kCannot,
       kActs},
      {{"i cannot ", "i can't ", "i can not ", "i am unable to ", "i'm unable to ",
        "i'm not able to ", "i am not able to ", "i won't ", "i must decline"},
       {},
       {"assist with",          "help with that",       "help you with",
        "provide assistance",   "fulfill this request", "fulfill that request",
        "fulfill your request", "fulfil your",          "fulfil this",
        "comply with",          "engage with this",     "engage in this",
        "continue with this",   "answer that",          "provide information on",
        "provide guidance",     "provide instructions", "generate content",
        "create content",       "help create",          "write that",
        "provide that",         "participate in",       "decline",
        "this request",         "that request",         "your request"}},
      {{"as an ai language model", "as an ai model", "as an ai assistant", "as a language model",
        "as a large language model", "as an ai,", "as an artificial intelligence",
        "i am an ai language model", "i'm an ai language model", "i'm just an ai",
        "i am just an ai", "as an ai developed by", "as an ai trained by"},
       {" i ", " i'm ", " i've ", " my ", " i,"},
       {}}};
}

Forms european() {
  return {
      {{"je suis d\u00e9sol\u00e9", "d\u00e9sol\u00e9, mais je", "d\u00e9sol\u00e9, je",
        "je m'excuse, mais je"},
       {"ne peux pas", "ne suis pas en mesure", "ne puis"},
       {}},
      {{"en tant que mod\u00e8le de lang", "en tant qu'ia", "en tant qu'intelligence artificielle",
        "en tant qu'assistant ia"},
       {},
       {}},
      {{"es tut mir leid", "tut mir leid", "entschuldigung, aber ich", "leider kann ich"},
       {"kann ich", "ich kann", "bin ich nicht in der lage", "kann dir", "kann ihnen", "kann bei"},
       {"nicht", "kein"}},
      {{"als ki-sprachmodell", "als ki-modell", "als ki-assistent", "als sprachmodell",
        "als k\u00fcnstliche intelligenz"},
       {},
       {}},
      {{"lo siento, pero no puedo", "lo siento, no puedo", "disculpa, pero no puedo",
        "lamento, pero no puedo", "lamentablemente, no puedo"},
       {},
       {}},
      {{"como modelo de lenguaje", "como un modelo de lenguaje", "como inteligencia artificial",
        "como ia,", "como una ia", "como asistente de ia"},
       {},
       {}},
      {{"mi dispiace, ma non posso", "mi dispiace, non posso", "spiacente, ma non posso",
        "come modello linguistico", "come intelligenza artificiale", "in quanto ia"},
       {},
       {}},
      {{"desculpe, mas n\u00e3o posso", "sinto muito, mas n\u00e3o posso",
        "lamento, mas n\u00e3o posso", "como um modelo de linguagem", "como modelo de linguagem",
        "como uma ia", "como uma intelig\u00eancia artificial"},
       {},
       {}},
      {{"het spijt me, maar ik kan", "sorry, maar ik kan", "als ai-taalmodel", "als taalmodel",
        "przepraszam, ale nie mog\u0119", "jako model j\u0119zykowy",
        "przykro mi, ale nie mog\u0119", "bir yapay zeka dil modeli olarak",
        "bir yapay zeka olarak", "\u00fczg\u00fcn\u00fcm, ancak bu"},
       {},
       {}}};
}

Forms cyrillic_and_asian() {
  return {
      {{"\u0418\u0437\u0432\u0438\u043d\u0438\u0442\u0435, \u043d\u043e \u044f \u043d\u0435",
        "\u0418\u0437\u0432\u0438\u043d\u0438\u0442\u0435, \u044f \u043d\u0435",
        "\u041a \u0441\u043e\u0436\u0430\u043b\u0435\u043d\u0438\u044e, \u044f \u043d\u0435 "
        "\u043c\u043e\u0433\u0443",
        "\u041f\u0440\u043e\u0441\u0442\u0438\u0442\u0435, \u043d\u043e \u044f \u043d\u0435",
        "\u041a\u0430\u043a \u044f\u0437\u044b\u043a\u043e\u0432\u0430\u044f "
        "\u043c\u043e\u0434\u0435\u043b\u044c",
        "\u042f \u043d\u0435 \u043c\u043e\u0433\u0443 \u043f\u043e\u043c\u043e\u0447\u044c"},
       {},
       {}},
      {{"\u62b1\u6b49", "\u5f88\u62b1\u6b49", "\u5bf9\u4e0d\u8d77", "\u975e\u5e38\u62b1\u6b49"},
       {"\u65e0\u6cd5", "\u4e0d\u80fd", "\u6ca1\u6709\u529e\u6cd5"},
       {}},
      {{"\u4f5c\u4e3a\u4e00\u4e2aai", "\u4f5c\u4e3aai",
        "\u4f5c\u4e3a\u4e00\u4e2a\u4eba\u5de5\u667a\u80fd", "\u4f5c\u4e3a\u4eba\u5de5\u667a\u80fd",
        "\u4f5c\u4e3a\u4e00\u4e2a\u8bed\u8a00\u6a21\u578b", "\u4f5c\u4e3a\u4e00\u540dai",
        "\u6211\u65e0\u6cd5\u63d0\u4f9b", "\u6211\u65e0\u6cd5\u534f\u52a9",
        "\u6211\u4e0d\u80fd\u63d0\u4f9b"},
       {},
       {}},
      {{"\u7533\u3057\u8a33\u3042\u308a\u307e\u305b\u3093",
        "\u7533\u3057\u8a33\u3054\u3056\u3044\u307e\u305b\u3093",
        "\u3059\u307f\u307e\u305b\u3093\u304c", "\u3054\u3081\u3093\u306a\u3055\u3044"},
       {"\u3067\u304d\u307e\u305b\u3093", "\u3067\u304d\u304b\u306d\u307e\u3059",
        "\u3044\u305f\u3057\u304b\u306d\u307e\u3059"},
       {}},
      {{"\uc8c4\uc1a1\ud558\uc9c0\ub9cc", "\uc8c4\uc1a1\ud569\ub2c8\ub2e4"},
       {"\uc218 \uc5c6"},
       {}}};
}

}  // namespace

const std::vector<RefusalForm>& refusal_forms() {
  static const Forms kForms = [] {
    Forms all;
    for (Forms forms : {english(), european(), cyrillic_and_asian()}) {
      all.insert(all.end(), forms.begin(), forms.end());
    }
    return all;
  }();
  return kForms;
}

}  // namespace tpt::filter
