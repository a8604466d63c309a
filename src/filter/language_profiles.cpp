#include "filter/language_profiles.h"

namespace tpt::filter {

namespace {

constexpr std::array<LanguageProfile, kLanguages> kProfiles = {{
    {"English",
     "the of and to in a is that it was for on are as with his they at be this from have or by one "
     "had not but what all were when we there can an your which their if do will each how he she "
     "him been has more would who its than then so these some could them other into only my where "
     "after first also because very through between while should does those being about we let "
     "our any such both since i you need means here thus just like now"},
    {"French",
     "le la les de des du un une et est dans que qui pour pas sur plus par avec ce cette ces il "
     "elle ils elles nous vous je ne se son sa ses leur leurs mais ou o\u00f9 donc comme \u00eatre "
     "\u00e9t\u00e9 sont \u00e9tait ont avait fait aussi tout tous deux entre si peut m\u00eame "
     "\u00e0 au aux en d l qu c n s j alors ainsi car cela puis"},
    {"German",
     "der die das und ist in den von zu mit sich des auf f\u00fcr nicht ein eine einer eines einem "
     "einen als auch es an werden aus er hat dass sie nach wird bei sind noch wie um \u00fcber so "
     "zum war haben nur oder aber vor zur bis mehr durch man dann wenn wir ich kann muss wurde "
     "diese dieser dieses also weil hier k\u00f6nnen zwischen"},
    {"Spanish",
     "el la los las de del que y en un una por con no se su para es al lo como m\u00e1s o pero sus "
     "le ha me si sin sobre este esta ya entre cuando todo ser son dos tambi\u00e9n fue hab\u00eda "
     "era muy a\u00f1os hasta desde est\u00e1 porque qu\u00e9 s\u00f3lo han yo hay vez puede todos "
     "as\u00ed nos ni parte tiene uno donde entonces cada otro"},
    {"Italian",
     "il lo la gli le di del della dei delle che e \u00e8 un una uno per in con non si su sono da "
     "come pi\u00f9 ma anche al alla ai nel nella questo questa se o ha ho hanno era essere stato "
     "ci cui tra quando ogni perch\u00e9 cos\u00ec due molto quindi dal dalla loro noi io solo "
     "dove pu\u00f2 allora"},
    {"Portuguese",
     "o a os as de do da dos das que e em um uma para com n\u00e3o se por mais como mas ao ele ela "
     "\u00e9 foi no na nos nas seu sua ou quando muito h\u00e1 j\u00e1 est\u00e1 eu tamb\u00e9m "
     "s\u00f3 pelo pela at\u00e9 isso entre era depois sem mesmo aos ter seus quem s\u00e3o "
     "ent\u00e3o porque esse esta isto pode cada"},
    {"Dutch",
     "de het een en van in is dat op te zijn met voor niet aan er die om ook als dan maar bij uit "
     "nog naar heeft ze hij worden wordt door deze dit over wat werd was hun meer kan geen ik we "
     "je zo tot of tussen waar omdat hebben kunnen moet"},
    {"Swedish",
     "och att det som en \u00e4r p\u00e5 av f\u00f6r med till den har de inte om ett han men var "
     "jag "
     "sig fr\u00e5n vi s\u00e5 kan n\u00e4r \u00e5r s\u00e4ger hon under ocks\u00e5 efter eller nu "
     "sin d\u00e4r vid mot ska skulle kommer ut f\u00e5r finns vara hade alla andra mycket mellan"},
    {"Danish",
     "og det at en den til er som p\u00e5 de med han af for ikke der var mig sig men et har om vi "
     "min havde ham hun nu over da fra du ud sin dem os op man hans hvor eller hvad skal selv her "
     "alle vil blev kunne ind n\u00e5r v\u00e6re mellem ogs\u00e5 hvis bliver"},
    {"Norwegian",
     "og det at en den til er som p\u00e5 de med han av for ikke der var meg seg men et har om vi "
     "min hadde ham hun n\u00e5 over da fra du ut sin dem oss opp man hans hvor eller hva skal "
     "selv "
     "her alle vil ble kunne inn n\u00e5r v\u00e6re mellom ogs\u00e5 hvis blir"},
    {"Polish",
     "i w nie na z do to \u017ce si\u0119 jest o jak ale po co tak za od przez przy dla jego jej "
     "ich by by\u0142 by\u0142a by\u0142o by\u0107 s\u0105 mo\u017ce kt\u00f3ry kt\u00f3ra "
     "kt\u00f3re tylko ju\u017c czy tego tym ten oraz jako mi\u0119dzy bardzo gdy wi\u0119c "
     "poniewa\u017c"},
    {"Czech",
     "a je se v na to \u017ee s z do o i jako za by jsem si ale jeho jej\u00ed jsou byl byla bylo "
     "b\u00fdt po od p\u0159i pro kter\u00fd kter\u00e1 kter\u00e9 tak jen nebo jak u\u017e co "
     "kdy\u017e podle mezi proto\u017ee tak\u00e9 v\u0161ak m\u016f\u017ee tedy"},
    {"Romanian",
     "\u0219i \u015fi de la \u00een din cu a nu este pe care pentru c\u0103 o un mai sunt au fost "
     "s\u0103 se "
     "ce dar sau prin dup\u0103 lui ei ca fi ale al cele ai era dac\u0103 foarte c\u00e2nd "
     "numai \u00eentre despre poate astfel"},
    {"Hungarian",
     "a az \u00e9s hogy nem is egy ez azt ami aki meg de csak volt van mint vagy el m\u00e9g ha "
     "lehet "
     "kell \u00edgy k\u00f6z\u00f6tt m\u00e1r ezt ezek azok minden sem mert majd \u00fagy nagyon "
     "teh\u00e1t"},
    {"Finnish",
     "ja on ei se ett\u00e4 h\u00e4n oli mutta kun joka niin my\u00f6s ovat t\u00e4m\u00e4 kuin "
     "tai "
     "sen ole jos voi n\u00e4in sit\u00e4 jotka mit\u00e4 olla ollut vain koska sek\u00e4 vuonna "
     "v\u00e4lill\u00e4 siis"},
    {"Turkish",
     "ve bir bu da de i\u00e7in ile \u00e7ok daha olarak olan gibi kadar sonra ne ama en o var ki "
     "her mi de\u011fil \u015fey ya ise b\u00fcy\u00fck zaman \u00f6nce oldu\u011fu aras\u0131nda "
     "\u00e7\u00fcnk\u00fc e\u011fer"},
    {"Indonesian",
     "yang dan di dengan untuk dari ini itu tidak pada adalah dalam ke akan oleh juga karena "
     "sebagai ada atau bisa saya kami kita mereka dapat lebih telah seperti antara jika maka "
     "tersebut bahwa sudah"},
}};

}  // namespace

const std::array<LanguageProfile, kLanguages>& language_profiles() { return kProfiles; }

}  // namespace tpt::filter
